import type { Product } from "../../ipc/bindings/Product";
import type { TransactionWithRelations } from "../../ipc/bindings/TransactionWithRelations";
import { majorToMinor } from "../../lib/money";

/** The venue's bounds for one sale. */
export const MAX_LINES = 30;
export const MAX_QUANTITY = 999;

export interface Line {
  productId: string;
  quantity: number;
}

/** Receipts that are being written, by band; `""` is the one begun before a band was scanned. */
export type Receipts = Readonly<Record<string, readonly Line[]>>;

export const NO_BAND = "";

export type CartAction =
  /** `lines` is what the receipt shows now, so that preselected products become part of it. */
  | { type: "set"; band: string; lines: readonly Line[]; productId: string; quantity: number }
  | { type: "clear"; band: string };

export function cart(receipts: Receipts, action: CartAction): Receipts {
  const { [action.band]: _, [NO_BAND]: __, ...others } = receipts;
  if (action.type === "clear") return others;
  return { ...others, [action.band]: withQuantity(action.lines, action.productId, action.quantity) };
}

function withQuantity(lines: readonly Line[], productId: string, wanted: number): readonly Line[] {
  const quantity = Math.min(Math.max(0, Math.trunc(wanted)), MAX_QUANTITY);
  if (quantity === 0) return lines.filter((line) => line.productId !== productId);
  if (lines.some((line) => line.productId === productId)) {
    return lines.map((line) => (line.productId === productId ? { productId, quantity } : line));
  }
  return lines.length >= MAX_LINES ? lines : [...lines, { productId, quantity }];
}

/** What the receipt of `band` shows: what was written for it, else what was begun without a band and what is required. */
export function linesOf(receipts: Receipts, band: string, preselected: readonly Line[]): readonly Line[] {
  const begun = receipts[NO_BAND] ?? [];
  if (band === NO_BAND) return begun;
  const picked = new Set(begun.map((line) => line.productId));
  return receipts[band] ?? [...begun, ...preselected.filter((line) => !picked.has(line.productId))];
}

/** Another band whose receipt was left with something in it. */
export function parkedBeside(receipts: Receipts, band: string): string | null {
  const parked = Object.entries(receipts).find(
    ([other, lines]) => other !== band && other !== NO_BAND && lines.length > 0,
  );
  return parked?.[0] ?? null;
}

/** Required products that the band has not bought in this visit. */
export function preselect(
  products: readonly Product[],
  history: readonly TransactionWithRelations[],
  sessionId: string | null,
): Line[] {
  const has = new Set(
    history
      .filter((line) => line.playerSessionId === sessionId && line.status !== "refunded")
      .map((line) => line.productId),
  );
  return products
    .filter((product) => product.required && !has.has(product.id))
    .map((product) => ({ productId: product.id, quantity: 1 }));
}

export interface PricedLine extends Line {
  product: Product;
  totalMinor: number;
}

export interface Priced {
  lines: PricedLine[];
  totalMinor: number;
  seconds: number;
}

/** The receipt at the catalogue's prices; a product that is no longer sold falls out of it. */
export function priced(lines: readonly Line[], products: readonly Product[], decimals: number): Priced {
  const byId = new Map(products.map((product) => [product.id, product]));
  const shown = lines.flatMap((line) => {
    const product = byId.get(line.productId);
    return product
      ? [{ ...line, product, totalMinor: majorToMinor(product.price, decimals) * line.quantity }]
      : [];
  });
  return {
    lines: shown,
    totalMinor: shown.reduce((sum, line) => sum + line.totalMinor, 0),
    seconds: shown.reduce((sum, line) => sum + (line.product.timeValueSeconds ?? 0) * line.quantity, 0),
  };
}

/** Time before extras, shorter before longer, then by name: the order of the tiles. */
export function byFavour(a: Product, b: Product): number {
  const last = Number.POSITIVE_INFINITY;
  const [first, second] = [a.timeValueSeconds ?? last, b.timeValueSeconds ?? last];
  return first === second ? a.name.localeCompare(b.name) : first - second;
}
