import type { AttentionEntry, Command, Fate } from "../types";
import type { FakeIpc } from "./fakeIpc";
import { anEntry } from "./outbox";

const OTHER_DESK = "0190f5fe-7a11-7000-8000-000000003f9a";
const MINUTE = 60_000;

/** One entry of every kind, and commands in every state: what Sync and Needs attention have to say. */
export function troubled(ipc: FakeIpc, now: number = Date.now()): FakeIpc {
  const ago = (minutes: number) => new Date(now - minutes * MINUTE).toISOString();
  const [half, hour, , , socks] = ipc.venue.products;
  const sale = (barcodeId: string): Command => ({
    type: "session.checkin",
    barcodeId,
    products: [
      { id: hour?.id, quantity: 2 },
      { id: socks?.id, quantity: 1 },
    ],
  });
  const long = "HTTPS://B.EXAMPLE/W/7F3A91C0D25E4B68A1F09C3D7E5B2A64-0007-XL-GRP";
  const play = (barcodeId: string): Command => ({ type: "session.play", barcodeId });
  const rejected = (known: Partial<AttentionEntry>) =>
    anEntry({ occurredAt: ago(62), raisedAt: ago(33), choices: ["redo", "correct", "dismiss"], ...known });
  ipc.attention.push(
    rejected({
      command: play("B-104"),
      rejection: {
        code: "venue_full",
        message: "The venue is full.",
        details: { maxOccupancy: 60, lent: 0 },
      },
      choices: ["redo", "dismiss"],
    }),
    rejected({
      command: sale(long),
      deviceId: OTHER_DESK,
      rejection: { code: "unknown_product", message: "There is no such product.", details: {} },
      money: 28.5,
      seconds: 7200,
    }),
    anEntry({
      kind: "flagged",
      command: sale("B-110"),
      occurredAt: ago(3_000),
      effectiveAt: ago(1_500),
      raisedAt: ago(33),
      flags: [
        { flag: "priceChanged", productId: hour?.id },
        { flag: "timeClamped", byMs: 90_000 },
      ],
      money: -2,
    }),
    anEntry({
      kind: "flagged",
      command: play("B-111"),
      deviceId: OTHER_DESK,
      occurredAt: ago(50),
      raisedAt: ago(33),
      flags: [{ flag: "forced", reason: "A helper for the birthday at table 4" }],
    }),
    anEntry({
      kind: "unreadable",
      raisedAt: ago(90),
      message: "A command that this desk had stored can't be read, and was not sent. It is no JSON.",
      code: "command_unreadable",
      params: {},
    }),
    anEntry({
      kind: "clockStep",
      deviceId: OTHER_DESK,
      raisedAt: ago(95),
      message: "The clock of this desk was set 3600 s ahead while it ran. Venue time does not follow it.",
      code: "desk_clock_ahead",
      params: { seconds: 3_600 },
    }),
    anEntry({
      kind: "clockStep",
      deviceId: null,
      raisedAt: ago(96),
      message: "The server's clock was set back by 90 s.",
      code: "server_clock_back",
      params: { seconds: 90 },
    }),
  );
  const told = (id: string, command: Command, minutes: number, fate: Partial<Fate>) =>
    ipc.remember({
      commandId: id,
      command,
      state: "settled",
      tappedAt: ago(minutes),
      storedAt: ago(minutes),
      sentAt: ago(minutes),
      settledAt: ago(minutes),
      seqs: [8123],
      result: null,
      offline: false,
      seenBy: 4,
      ...fate,
    });
  const late = { sentAt: ago(33), settledAt: ago(33), offline: true };
  told("told-1", { type: "settings.update", changes: { siteName: "Salto" } }, 1_600, {});
  told("told-2", sale("B-104"), 62, late);
  told("told-3", { type: "product.update", productId: half?.id, changes: { price: 9 } }, 61, {
    ...late,
    seqs: [8124, 8125],
  });
  told("told-4", play(long), 60, {
    ...late,
    state: "rejected",
    seqs: null,
    rejection: { code: "venue_full", message: "The venue is full.", details: {} },
  });
  told("told-5", play("B-112"), 30, { seqs: [], seenBy: null });
  return ipc;
}
