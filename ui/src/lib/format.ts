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
    const format = new Intl.NumberFormat(locale, {
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

export function formatNumber(value: number, { locale }: Customs): string {
  return new Intl.NumberFormat(locale).format(value);
}

export function formatPercent(value: number, { locale }: Customs): string {
  return new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 }).format(value / 100);
}

/** Hours and minutes in the venue's time zone. */
export function formatTime(at: string | number, customs: Customs): string {
  return dateFormat(customs, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(at));
}

export function formatDate(at: string | number, customs: Customs): string {
  return dateFormat(customs, { weekday: "long", day: "numeric", month: "long" }).format(new Date(at));
}

/** Making a formatter is slow, and every clock of the page asks for the same two. */
const dateFormats = new Map<string, Intl.DateTimeFormat>();

function dateFormat({ locale, timeZone }: Customs, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = [locale, timeZone, ...Object.keys(options)].join(" ");
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
