import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Burst, hearKey, LEAST_ELSEWHERE, LEAST_IN_FIELD, NO_BURST } from "./wedge";

/** Hears `text` and Enter, with these gaps before each key but the first. */
function type(text: string, gaps: readonly number[], end = "Enter", least = LEAST_IN_FIELD): string | null {
  let burst = NO_BURST;
  let at = 1_000;
  let scan: string | null = null;
  for (const [index, key] of [...text, end].entries()) {
    at += index === 0 ? 0 : (gaps[(index - 1) % gaps.length] ?? 0);
    const heard = hearKey(burst, key, at, least);
    burst = heard.burst;
    scan = heard.scan ?? scan;
  }
  return scan;
}

const codes = fc.string({ minLength: 4, maxLength: 64 }).filter((text) => Array.from(text).length >= 4);

describe("the scanner's ear", () => {
  test("hears any code that is typed as fast as a scanner does", () => {
    fc.assert(
      fc.property(codes, fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1 }), (code, gaps) => {
        expect(type(code, gaps)).toBe(code);
      }),
    );
  });

  test("never takes a person for a scanner", () => {
    fc.assert(
      fc.property(codes, fc.array(fc.integer({ min: 31, max: 400 }), { minLength: 1 }), (code, gaps) => {
        expect(type(code, gaps)).toBeNull();
      }),
    );
  });

  test.each([
    ["three characters are too few for a field", "104", [5], "Enter", null],
    ["four are enough", "B-10", [5], "Enter", "B-10"],
    ["Tab ends it as well", "B-1042", [5], "Tab", "B-1042"],
    ["exactly 30 ms on average is a scanner", "B-1042", [30], "Enter", "B-1042"],
    ["a slow Enter after a fast burst is a person's", "B-1042", [5, 5, 5, 5, 5, 500], "Enter", null],
  ] as const)("%s", (_, code, gaps, end, expected) => {
    expect(type(code, gaps, end)).toBe(expected);
  });

  test("outside a field a short code is a scan as well, a single key is none", () => {
    expect(type("17", [5], "Enter", LEAST_ELSEWHERE)).toBe("17");
    expect(type("17", [60], "Enter", LEAST_ELSEWHERE)).toBeNull();
    expect(type("1", [5], "Enter", LEAST_ELSEWHERE)).toBeNull();
  });

  test("a code keeps its beginning when the machine stalls in its middle", () => {
    const gaps = [5, 5, 5, 5, 5, 350, 5, 5, 5, 5, 5, 5];
    expect(type("HTTPS://B/104", gaps)).toBe("HTTPS://B/104");
  });

  test("forgets what was typed before a pause", () => {
    expect(type("xB-1042", [300, 5, 5, 5, 5, 5, 5])).toBe("B-1042");
  });

  test("a shift on the way changes nothing, another key ends it", () => {
    const press = (burst: Burst, key: string, at: number) => hearKey(burst, key, at, LEAST_IN_FIELD);
    let burst = NO_BURST;
    for (const key of ["Shift", "B", "Shift", "-", "1", "0", "4", "2"]) burst = press(burst, key, 1).burst;
    expect(press(burst, "Enter", 2).scan).toBe("B-1042");
    expect(press(press(burst, "Backspace", 2).burst, "Enter", 3).scan).toBeNull();
  });
});
