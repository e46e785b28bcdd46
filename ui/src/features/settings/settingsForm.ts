import * as v from "valibot";
import type { SystemSettings } from "../../ipc/bindings/SystemSettings";
import { durationText, parseDuration } from "../../lib/duration";

/** The settings as typed. */
export interface SettingsDraft {
  siteName: string;
  logoUrl: string;
  timezone: string;
  currency: string;
  operationalDayStart: string;
  maxOccupancy: string;
  capacityPolicy: SystemSettings["capacityPolicy"];
  autoRelease: string;
  lowFirst: string;
  lowSecond: string;
  creditValidDays: string;
  requiredProductsEnforced: boolean;
}

/** What staff may change. */
export type SettingsFields = Omit<SystemSettings, "id" | "currencyDecimals" | "createdAt" | "updatedAt">;

const MAX_DURATION_SECONDS = 86_400;

const whole = (least: number, most: number, fault: string) =>
  v.pipe(
    v.string(),
    v.check((text) => /^\d+$/.test(text.trim()) && Number(text) >= least && Number(text) <= most, fault),
  );

const duration = v.pipe(
  v.string(),
  v.check((text) => {
    const seconds = parseDuration(text);
    return seconds !== null && seconds <= MAX_DURATION_SECONDS;
  }, "settings.faultDuration"),
);

/** The rules of the form; each fault is the key of a sentence. */
export const settingsSchema = v.pipe(
  v.object({
    siteName: v.pipe(
      v.string(),
      v.trim(),
      v.minLength(1, "settings.faultName"),
      v.maxLength(120, "settings.faultName"),
    ),
    logoUrl: v.pipe(
      v.string(),
      v.maxLength(2_000, "settings.faultUrl"),
      v.check((text) => text.trim() === "" || URL.canParse(text.trim()), "settings.faultUrl"),
    ),
    timezone: v.pipe(v.string(), v.check(isTimeZone, "settings.faultZone")),
    currency: v.pipe(v.string(), v.trim(), v.regex(/^[A-Za-z]{3}$/, "settings.faultCurrency")),
    operationalDayStart: v.pipe(
      v.string(),
      v.trim(),
      v.regex(/^([01]?\d|2[0-3])(:[0-5]\d)?$/, "settings.faultTime"),
    ),
    maxOccupancy: whole(1, 100_000, "settings.faultOccupancy"),
    capacityPolicy: v.picklist(["advisory", "strict"]),
    autoRelease: duration,
    lowFirst: duration,
    lowSecond: duration,
    creditValidDays: whole(0, 3_650, "settings.faultDays"),
    requiredProductsEnforced: v.boolean(),
  }),
  v.forward(
    v.partialCheck(
      [["lowFirst"], ["lowSecond"]],
      ({ lowFirst, lowSecond }) => (parseDuration(lowSecond) ?? 0) < (parseDuration(lowFirst) ?? 0),
      "settings.faultOrder",
    ),
    ["lowSecond"],
  ),
);

function isTimeZone(zone: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
}

export function draftOf(settings: SystemSettings): SettingsDraft {
  const [lowFirst = 300, lowSecond = 60] = settings.lowTimeSeconds;
  return {
    siteName: settings.siteName,
    logoUrl: settings.logoUrl ?? "",
    timezone: settings.timezone,
    currency: settings.currency,
    operationalDayStart: settings.operationalDayStart,
    maxOccupancy: String(settings.maxOccupancy),
    capacityPolicy: settings.capacityPolicy,
    autoRelease: durationText(settings.autoReleaseSeconds),
    lowFirst: durationText(lowFirst),
    lowSecond: durationText(lowSecond),
    creditValidDays: String(settings.creditValidDays),
    requiredProductsEnforced: settings.requiredProductsEnforced,
  };
}

/** A draft that passed the rules, as the venue's fields. */
export function fieldsOf(draft: SettingsDraft): SettingsFields {
  return {
    siteName: draft.siteName.trim(),
    logoUrl: draft.logoUrl.trim() || null,
    timezone: draft.timezone,
    currency: draft.currency.trim().toUpperCase(),
    operationalDayStart: timeOfDay(draft.operationalDayStart),
    maxOccupancy: Number(draft.maxOccupancy),
    capacityPolicy: draft.capacityPolicy,
    autoReleaseSeconds: parseDuration(draft.autoRelease) ?? 0,
    lowTimeSeconds: [parseDuration(draft.lowFirst) ?? 0, parseDuration(draft.lowSecond) ?? 0],
    creditValidDays: Number(draft.creditValidDays),
    requiredProductsEnforced: draft.requiredProductsEnforced,
  };
}

/** `7`, `7:00` and `07:00` are the same time. */
function timeOfDay(typed: string): string {
  const [hour = "", minute = "00"] = typed.trim().split(":");
  return `${hour.padStart(2, "0")}:${minute}`;
}

/** Only what differs from the venue's settings. */
export function changesOf(settings: SystemSettings, fields: SettingsFields): Partial<SettingsFields> {
  const changed = Object.entries(fields).filter(
    ([name, value]) => JSON.stringify(settings[name as keyof SettingsFields]) !== JSON.stringify(value),
  );
  return Object.fromEntries(changed);
}
