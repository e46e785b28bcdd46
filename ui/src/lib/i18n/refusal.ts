import type { TFunction } from "i18next";

interface Said {
  code: string;
  message: string;
}

/** What the server said no to, told afterwards; its own sentence where the page knows none for its code. */
export function refusalSentence(t: TFunction, { code, message }: Said, when: string): string {
  const why = t(`why.${code}`, { defaultValue: "" });
  if (why) return t("attention.refused", { when, why });
  return t("attention.refusedSaying", { when, message: message || t("rejection.unexpected") });
}
