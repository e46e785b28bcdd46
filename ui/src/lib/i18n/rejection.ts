import type { TFunction } from "i18next";

interface Said {
  code: string;
  message: string;
  details?: Record<string, unknown> | null;
}

/** A "no" in the venue's words; the sentence that came with it where the page knows none for its code. */
export function rejectionSentence(t: TFunction, { code, message, details }: Said): string {
  const unknown = message || t("rejection.unexpected");
  if (code === "venue_full" && typeof details?.lent === "number" && details.lent > 0)
    return t("rejection.venue_full_lent");
  return t(`rejection.${code}`, { defaultValue: unknown, ...details });
}
