import type { Product } from "../bindings/Product";
import { newSession, run, type Venue } from "./venue";

const MINUTE = 60_000;

/** A venue with nothing in it but its settings. */
export function emptyVenue(now: number): Venue {
  const at = new Date(now).toISOString();
  return {
    settings: {
      id: "system",
      maxOccupancy: 60,
      currency: "EUR",
      currencyDecimals: 2,
      timezone: "Europe/Madrid",
      operationalDayStart: "07:00",
      autoReleaseSeconds: 300,
      lowTimeSeconds: [300, 60],
      capacityPolicy: "advisory",
      creditValidDays: 0,
      requiredProductsEnforced: false,
      siteName: "Salto Park",
      logoUrl: null,
      createdAt: at,
      updatedAt: at,
    },
    products: [],
    sessions: [],
    transactions: [],
  };
}

const CATALOGUE: [string, number, string, number | null, boolean][] = [
  ["30 minutes", 8, "Time", 1800, false],
  ["1 hour", 13, "Time", 3600, false],
  ["2 hours", 22.5, "Time", 7200, false],
  ["All day", 34, "Time", 36000, false],
  ["Grip socks", 2.5, "Extras", null, true],
  ["Water", 1.8, "Extras", null, false],
  ["Slush", 3.2, "Extras", null, false],
  ["Locker", 2, "Extras", null, false],
];

/** A venue in the middle of its day with `bands` bands. Every band is in a state that its number decides. */
export function busyVenue(now: number, bands: number): Venue {
  const venue = emptyVenue(now);
  venue.settings.maxOccupancy = Math.max(60, bands);
  for (const [name, price, category, timeValueSeconds, required] of CATALOGUE) {
    const product: Omit<Product, "id" | "isDeleted" | "createdAt" | "updatedAt"> = {
      name,
      price,
      category,
      timeValueSeconds,
      required,
      description: null,
    };
    run(venue, { type: "product.create", product }, now);
  }
  for (let number = 0; number < bands; number += 1) seat(venue, now, number);
  return venue;
}

function seat(venue: Venue, now: number, number: number): void {
  const barcodeId =
    number === 7 ? "HTTPS://B.EXAMPLE/W/7F3A91C0D25E4B68A1F09C3D7E5B2A64-0007-XL-GRP" : `B-${104 + number}`;
  const [half, hour, , , socks] = venue.products;
  const bought = number % 3 === 0 ? hour : half;
  if (!bought || !socks) return;
  const arrived = now - (4 + ((number * 7) % 25)) * MINUTE;
  const products = [
    { id: bought.id, quantity: 1 },
    { id: socks.id, quantity: 1 },
  ];
  run(venue, { type: "session.checkin", barcodeId, products }, arrived);
  const session = venue.sessions.at(-1) ?? newSession(barcodeId, now);
  if (number % 5 === 4) return;
  const allowed = session.totalAllowedSeconds * 1000;
  const left = number === 1 ? -70_000 : number === 2 ? 41_000 : ((number * 137) % 1740) * 1000 + 15_000;
  const started = now - (allowed - left);
  Object.assign(session, {
    status: "playing",
    isActive: true,
    lastStartAt: new Date(started).toISOString(),
    expiresAt: new Date(now + left).toISOString(),
  });
  if (number % 7 === 3) run(venue, { type: "session.pause", barcodeId }, now - 2 * MINUTE);
}
