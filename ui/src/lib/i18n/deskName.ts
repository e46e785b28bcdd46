import type { TFunction } from "i18next";

/** How much of a device's id people read and say. */
const LABEL_LETTERS = 4;

/** The short label of a device, the same on every desk. */
export function deskLabel(deviceId: string): string {
  return deviceId
    .replace(/[^0-9a-z]/gi, "")
    .slice(-LABEL_LETTERS)
    .toUpperCase();
}

/** A desk in the middle of a sentence: "this desk", "desk 7F3A". */
export function deskName(t: TFunction, deviceId: string | null, own: string | null): string {
  if (deviceId === null) return t("attention.someDesk");
  if (deviceId === own) return t("attention.thisDesk");
  return t("attention.otherDesk", { name: deskLabel(deviceId) });
}
