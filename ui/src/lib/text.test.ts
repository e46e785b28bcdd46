import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normaliseBarcode } from "./barcode";
import { clockFace, durationText, parseDuration, roughDuration, spokenDuration } from "./duration";
import { type Customs, formatMinor, formatTime } from "./format";

describe("durations", () => {
  test("what is written can be read again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400 }), (seconds) => {
        expect(parseDuration(durationText(seconds))).toBe(seconds);
      }),
    );
  });

  test.each([
    ["90", 5400],
    ["1:30", 5400],
    ["1:30:15", 5415],
    ["0", 0],
    ["1:75", null],
    ["-5", null],
    ["1.5", null],
    ["", null],
  ])("reads %j as %j", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test("are shown as a clock and said in words", () => {
    expect([clockFace(3492), clockFace(7200), clockFace(9), clockFace(-3)]).toEqual([
      "58:12",
      "2:00:00",
      "00:09",
      "00:00",
    ]);
    expect([spokenDuration(7200), spokenDuration(5400), spokenDuration(0)]).toEqual([
      "2 h",
      "1 h 30 min",
      "0 min",
    ]);
    expect([roughDuration(412), roughDuration(45)]).toEqual(["7 min", "45 s"]);
  });
});

describe("a band's code", () => {
  test.each([
    ["  b-104 ", "B-104"],
    ["ñandú", "ñANDú"],
    ["e\u0301", "\u00e9"],
    ["   ", null],
    ["a\u0007b", null],
    ["x".repeat(64), "X".repeat(64)],
    ["x".repeat(65), null],
  ])("%j is %j", (text, code) => {
    expect(normaliseBarcode(text)).toBe(code);
  });

  test("normalised once stays as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 70 }), (text) => {
        const code = normaliseBarcode(text);
        if (code !== null) expect(normaliseBarcode(code)).toBe(code);
      }),
    );
  });
});

describe("numbers", () => {
  const madrid: Customs = { locale: "es", currency: "EUR", decimals: 2, timeZone: "Europe/Madrid" };
  const plain = (text: string) => text.replaceAll("\u00a0", " ");

  test("money is written as people there write it", () => {
    expect(plain(formatMinor(2600, madrid))).toBe("26,00 €");
    expect(formatMinor(2600, { ...madrid, locale: "en" })).toBe("€26.00");
    expect(formatMinor(1500, { ...madrid, locale: "en", currency: "JPY", decimals: 0 })).toBe("¥1,500");
    expect(formatMinor(99_999_999_999, { ...madrid, locale: "en" })).toBe("€999,999,999.99");
  });

  test("the time is the venue's, not the desk's", () => {
    expect(formatTime("2026-11-21T15:04:05.000Z", madrid)).toBe("16:04");
    expect(formatTime("2026-11-21T15:04:05.000Z", { ...madrid, timeZone: "America/Mexico_City" })).toBe(
      "09:04",
    );
  });

  test("a currency or zone that this machine does not know is no reason to show nothing", () => {
    expect(formatMinor(2600, { ...madrid, currency: "?" })).toBe("26.00 ?");
    expect(formatTime("2026-11-21T15:04:05.000Z", { ...madrid, timeZone: "Mars/Base" })).toMatch(
      /^\d\d:\d\d$/,
    );
  });
});
