import type { TFunction } from "i18next";
import { spokenDuration } from "../duration";
import { deskName } from "./deskName";

/** A command as it was written down, by whom and however: nothing about its fields is sure. */
type Told = Readonly<Record<string, unknown>>;

/** What this desk knows of the ids that a command carries. */
export interface Names {
  product(id: unknown): { name: string; timeValueSeconds: number | null } | undefined;
  line(
    id: unknown,
  ): { quantity: number; product: { name: string }; playerSession: { barcodeId: string } } | undefined;
}

/** A code that is longer than this loses its middle in a sentence. */
const CODE_MAX = 24;
const HEAD = 8;
const TAIL = 10;

/** What a command did, as who tapped it would say it, without its time: "Sold 2 h to B-104". */
export function told(t: TFunction, command: Told, names: Names, locale: string): string {
  const line = names.line(command.transactionId);
  const isRefund = command.type === "transaction.correct" && command.status === "refunded" && line;
  // What is no text may not even be made one.
  const type = typeof command.type === "string" ? command.type : "other";
  const key = isRefund ? "refund" : type.replace(".", "_");
  return t(`told.${key}`, {
    defaultValue: t("told.other"),
    what: line ? amount(t, line.quantity, line.product.name) : wares(t, command, names, locale),
    band: bands(t, line ? [line.playerSession.barcodeId] : bandsOf(command)),
    name: nameOf(command, names) ?? t("told.aProduct"),
    desk: deskName(t, typeof command.lostDeviceId === "string" ? command.lostDeviceId : null, null),
  });
}

/** A band's code for a sentence. */
function shortCode(code: string): string {
  const letters = Array.from(code);
  if (letters.length <= CODE_MAX) return code;
  return `${letters.slice(0, HEAD).join("")}…${letters.slice(-TAIL).join("")}`;
}

function amount(t: TFunction, quantity: number, name: string): string {
  return quantity === 1 ? name : t("told.amount", { quantity, name });
}

function recordsIn(value: unknown): Told[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function isRecord(value: unknown): value is Told {
  return typeof value === "object" && value !== null;
}

/** What was sold: all the time in one, then the extras. */
function wares(t: TFunction, command: Told, names: Names, locale: string): string {
  let seconds = 0;
  const said: string[] = [];
  for (const { id, productId, quantity: sold } of [command.products, command.lines].flatMap(recordsIn)) {
    const product = names.product(id ?? productId);
    const quantity = typeof sold === "number" ? sold : 1;
    if (product?.timeValueSeconds) seconds += product.timeValueSeconds * quantity;
    else if (product) said.push(amount(t, quantity, product.name));
  }
  if (seconds > 0) said.unshift(spokenDuration(seconds));
  if (said.length === 0) return t("told.something");
  return new Intl.ListFormat(locale, { type: "conjunction" }).format(said);
}

function bandsOf({ barcodeId, lines }: Told): string[] {
  const codes = [barcodeId, ...recordsIn(lines).map((line) => line.barcodeId)];
  return [...new Set(codes.filter((code) => typeof code === "string"))];
}

function bands(t: TFunction, codes: readonly string[]): string {
  if (codes.length > 1) return t("told.bands", { count: codes.length });
  return codes[0] === undefined ? t("told.aBand") : shortCode(codes[0]);
}

function nameOf({ product, changes, productId }: Told, names: Names): string | undefined {
  const fields = product ?? changes;
  const name = isRecord(fields) ? fields.name : undefined;
  return names.product(productId)?.name ?? (typeof name === "string" ? name : undefined);
}
