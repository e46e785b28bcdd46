import { minorToText } from "./money";

/** How this venue and this reader write numbers. */
export interface Customs {
  locale: string;
  currency: string;
  /** Decimals of that currency in this venue. */
  decimals: number;
  timeZone: string;
}

/** Minor units as money, from exact decimal text. */
export function formatMinor(minor: number, { locale, currency, decimals }: Customs): string {
  const exact = minorToText(minor, decimals);
  try {
    const format = numberFormat(locale, {
      style: "currency",
      currency,
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
    return format.format(exact as unknown as number);
  } catch {
    return `${exact} ${currency}`;
  }
}

/** Minor units to be edited, with the decimal sign that this reader writes. */
export function editableMinor(minor: number, { locale, decimals }: Customs): string {
  const parts = numberFormat(locale, { minimumFractionDigits: 1 }).formatToParts(0);
  const sign = parts.find(({ type }) => type === "decimal")?.value ?? ".";
  return minorToText(minor, decimals).replace(".", sign);
}

export function formatNumber(value: number, { locale }: Customs): string {
  return numberFormat(locale, {}).format(value);
}

export function formatPercent(value: number, { locale }: Customs): string {
  return numberFormat(locale, { style: "percent", maximumFractionDigits: 1 }).format(value / 100);
}

/** Hours and minutes in the venue's time zone. */
export function formatTime(at: string | number, customs: Customs): string {
  return dateFormat(customs, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(at));
}

/** As [`formatTime`], to the second. */
export function formatSecond(at: string | number, customs: Customs): string {
  const format = dateFormat(customs, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  return format.format(new Date(at));
}

/** A day of this year or another, short: `Sat 21 Nov`. */
export function formatDay(at: string | number, customs: Customs): string {
  return dateFormat(customs, { weekday: "short", day: "numeric", month: "short" }).format(new Date(at));
}

export function formatDate(at: string | number, customs: Customs): string {
  return dateFormat(customs, { weekday: "long", day: "numeric", month: "long" }).format(new Date(at));
}

/** Making a formatter is slow, and every figure of the page asks for the same few. */
const numberFormats = new Map<string, Intl.NumberFormat>();
const dateFormats = new Map<string, Intl.DateTimeFormat>();

function numberFormat(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = `${locale} ${JSON.stringify(options)}`;
  const made = numberFormats.get(key) ?? new Intl.NumberFormat(locale, options);
  numberFormats.set(key, made);
  return made;
}

function dateFormat({ locale, timeZone }: Customs, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${timeZone} ${JSON.stringify(options)}`;
  const made = dateFormats.get(key) ?? makeDateFormat(locale, { ...options, timeZone });
  dateFormats.set(key, made);
  return made;
}

function makeDateFormat(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(locale, options);
  } catch {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: undefined });
  }
}
