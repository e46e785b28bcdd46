/** A band's code as the venue writes it: trimmed, NFC, ASCII letters in upper case. Null when it can be none. */
export function normaliseBarcode(text: string): string | null {
  const code = text
    .trim()
    .normalize("NFC")
    .replace(/[a-z]/g, (letter) => letter.toUpperCase());
  const length = Array.from(code).length;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here.
  return length >= 1 && length <= 64 && !/[\u0000-\u001f\u007f-\u009f]/.test(code) ? code : null;
}
