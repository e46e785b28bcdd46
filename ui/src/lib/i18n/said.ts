import type { TFunction } from "i18next";
import { spokenDuration } from "../duration";

/** What the core or the server says: a code with what it takes to say it here, and its own sentence. */
export interface Said {
  code: string;
  params: Readonly<Record<string, unknown>>;
  message: string;
}

/** In the window's language; its own sentence where the page knows none for its code. */
export function saidSentence(t: TFunction, about: "problem" | "notice" | "remark", said: Said): string {
  const { code, params, message } = said;
  const time = spokenDuration(typeof params.seconds === "number" ? params.seconds : 0);
  return t(`${about}.${code}`, { ...params, time, defaultValue: message });
}
