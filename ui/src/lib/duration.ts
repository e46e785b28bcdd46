/** A clock face: `58:12`, from one hour on `2:00:00`. */
export function clockFace(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const two = (part: number) => String(part).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${two(minutes)}:${two(whole % 60)}`;
}

/** A length in words that both languages share: `2 h`, `1 h 30 min`, `45 s`. */
export function spokenDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(whole / 3600), "h"],
    [Math.floor((whole % 3600) / 60), "min"],
    [whole % 60, "s"],
  ] as const;
  const said = parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`);
  return said.length === 0 ? "0 min" : said.join(" ");
}

/** As [`spokenDuration`], for figures where seconds would be noise. */
export function roughDuration(seconds: number): string {
  return seconds < 60 ? spokenDuration(seconds) : spokenDuration(Math.round(seconds / 60) * 60);
}

/** Reads `90` (minutes), `1:30` (hours and minutes) or `1:30:15`; null when it is none of them. */
export function parseDuration(text: string): number | null {
  const parts = /^(\d{1,4})(?::([0-5]\d))?(?::([0-5]\d))?$/.exec(text.trim());
  if (!parts) return null;
  const [, first = "0", second, third] = parts;
  if (second === undefined) return Number(first) * 60;
  return Number(first) * 3600 + Number(second) * 60 + Number(third ?? 0);
}

/** Seconds as [`parseDuration`] reads them: minutes where that is exact. */
export function durationText(seconds: number): string {
  if (seconds % 60 === 0) return String(seconds / 60);
  const two = (part: number) => String(part).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
}
