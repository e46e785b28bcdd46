/** Why a typed amount is not one. */
type MoneyFault = "empty" | "notANumber" | "negative" | "tooManyDecimals" | "tooLarge";

export type ParsedMoney = { ok: true; minor: number } | { ok: false; fault: MoneyFault };

/** The largest price the venue's server takes, in major units. */
const MAX_PRICE = 1_000_000;

/** Reads what a person typed as decimal text; `12,5` and `12.5` are both twelve and a half. Never rounds. */
export function parseMoney(text: string, decimals: number): ParsedMoney {
  const typed = text.trim().replace(",", ".");
  if (typed === "") return { ok: false, fault: "empty" };
  const parts = /^(-?)(\d+)(?:\.(\d*))?$/.exec(typed);
  if (!parts) return { ok: false, fault: "notANumber" };
  const [, sign, whole = "", fraction = ""] = parts;
  if (sign === "-") return { ok: false, fault: "negative" };
  if (fraction.length > decimals) return { ok: false, fault: "tooManyDecimals" };
  const digits = `${whole}${fraction.padEnd(decimals, "0")}`.replace(/^0+(?=\d)/, "");
  const minor = digits.length > 15 ? Number.POSITIVE_INFINITY : Number(digits);
  if (minor > MAX_PRICE * 10 ** decimals) return { ok: false, fault: "tooLarge" };
  return { ok: true, minor };
}

/** Minor units as the number that goes over the wire: major units, exact to the currency's decimals. */
export function minorToMajor(minor: number, decimals: number): number {
  return Number(minorToText(minor, decimals));
}

/** A number from the wire in minor units. */
export function majorToMinor(major: number, decimals: number): number {
  return Math.round(Number(`${major}e${decimals}`));
}

/** Minor units as plain decimal text, to be edited. */
export function minorToText(minor: number, decimals: number): string {
  const sign = minor < 0 ? "-" : "";
  const digits = String(Math.abs(minor)).padStart(decimals + 1, "0");
  const cut = digits.length - decimals;
  return decimals === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, cut)}.${digits.slice(cut)}`;
}
