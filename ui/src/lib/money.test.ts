import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { majorToMinor, minorToMajor, minorToText, parseMoney } from "./money";

const decimals = fc.constantFrom(0, 2, 3);
const amounts = decimals.chain((places) =>
  fc.record({ places: fc.constant(places), minor: fc.integer({ min: 0, max: 1_000_000 * 10 ** places }) }),
);

describe("money", () => {
  test("what is written can be read again, to the last minor unit", () => {
    fc.assert(
      fc.property(amounts, ({ places, minor }) => {
        expect(parseMoney(minorToText(minor, places), places)).toEqual({ ok: true, minor });
      }),
    );
  });

  test("crosses the wire and comes back exact", () => {
    fc.assert(
      fc.property(amounts, ({ places, minor }) => {
        const wire = JSON.parse(JSON.stringify(minorToMajor(minor, places)));
        expect(majorToMinor(wire, places)).toBe(minor);
      }),
    );
  });

  test("never rounds: a decimal too many is refused, whatever it is", () => {
    fc.assert(
      fc.property(amounts, fc.integer({ min: 0, max: 9 }), ({ places, minor }, digit) => {
        const point = places === 0 ? "." : "";
        const typed = `${minorToText(minor, places)}${point}${digit}`;
        expect(parseMoney(typed, places)).toEqual({ ok: false, fault: "tooManyDecimals" });
      }),
    );
  });

  test("any text gets an answer", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseMoney(text, 2);
        if (parsed.ok) expect(Number.isSafeInteger(parsed.minor)).toBe(true);
      }),
    );
  });

  test.each([
    ["12.5", { ok: true, minor: 1250 }],
    ["12,5", { ok: true, minor: 1250 }],
    [" 0 ", { ok: true, minor: 0 }],
    ["8.", { ok: true, minor: 800 }],
    ["1000000", { ok: true, minor: 100_000_000 }],
    ["1000000.01", { ok: false, fault: "tooLarge" }],
    ["99999999999999999999", { ok: false, fault: "tooLarge" }],
    ["12.505", { ok: false, fault: "tooManyDecimals" }],
    ["-1", { ok: false, fault: "negative" }],
    ["", { ok: false, fault: "empty" }],
    ["1e3", { ok: false, fault: "notANumber" }],
    ["1,000.00", { ok: false, fault: "notANumber" }],
    [".5", { ok: false, fault: "notANumber" }],
  ])("reads %j", (text, expected) => {
    expect(parseMoney(text, 2)).toEqual(expected);
  });

  test("holds what binary fractions can't", () => {
    expect(majorToMinor(1.005, 3)).toBe(1005);
    expect(majorToMinor(0.1 + 0.2, 2)).toBe(30);
    expect(minorToMajor(1990, 2)).toBe(19.9);
  });
});
