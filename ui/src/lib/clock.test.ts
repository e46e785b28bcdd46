import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byUrgency, clockOf, isOverdue, levelOf, shareLeft, type Timed } from "./clock";

const NOW = Date.parse("2026-11-21T15:00:00.000Z");
const iso = (ms: number) => new Date(ms).toISOString();

function playing(leftMs: number, barcodeId = "B-1"): Timed {
  return {
    barcodeId,
    status: "playing",
    totalAllowedSeconds: 3600,
    remainingSeconds: 3600,
    expiresAt: iso(NOW + leftMs),
    createdAt: iso(NOW - 3_600_000),
    pausedAt: null,
  };
}
const still = (status: "waiting" | "paused", remainingSeconds: number): Timed => ({
  ...playing(0),
  status,
  remainingSeconds,
  expiresAt: null,
});

describe("the clock", () => {
  test.each([
    [301_000, "plenty"],
    [300_999, "low"],
    [300_000, "low"],
    [61_000, "low"],
    [60_999, "last"],
    [60_000, "last"],
    [1, "last"],
    [0, "over"],
    [-1, "over"],
  ])("with %i ms left it is %s", (leftMs, level) => {
    expect(levelOf(playing(leftMs), NOW, [300, 60])).toBe(level);
  });

  test("follows the venue's own limits", () => {
    expect(levelOf(playing(500_000), NOW, [600, 120])).toBe("low");
    expect(levelOf(playing(100_000), NOW, [600, 120])).toBe("last");
  });

  test("rounds down, shows never less than nothing, and counts what is over", () => {
    expect(clockOf(playing(1_999), NOW)).toEqual({ remainingSeconds: 1, overSeconds: 0 });
    expect(clockOf(playing(-61_500), NOW)).toEqual({ remainingSeconds: 0, overSeconds: 61 });
  });

  test("only playing makes time run", () => {
    for (const status of ["waiting", "paused"] as const) {
      const session = still(status, 754);
      expect(clockOf(session, NOW + 10_000_000)).toEqual(clockOf(session, NOW));
      expect(isOverdue(session, NOW + 10_000_000)).toBe(false);
    }
  });

  test("a second later there is a second less, or a second more over, and the level never gets better", () => {
    const order = ["plenty", "low", "last", "over"];
    fc.assert(
      fc.property(fc.integer({ min: -400_000, max: 4_000_000 }), (leftMs) => {
        const session = playing(leftMs);
        const [before, after] = [clockOf(session, NOW), clockOf(session, NOW + 1_000)];
        const value = (clock: typeof before) => clock.remainingSeconds - clock.overSeconds;
        expect(value(before) - value(after)).toBeLessThanOrEqual(1);
        expect(value(before) - value(after)).toBeGreaterThanOrEqual(0);
        const rank = (at: number) => order.indexOf(levelOf(session, at, [300, 60]));
        expect(rank(NOW + 1_000)).toBeGreaterThanOrEqual(rank(NOW));
        expect(shareLeft(session, NOW)).toBeGreaterThanOrEqual(0);
        expect(shareLeft(session, NOW)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("who needs somebody comes first: overdue, soon, later, paused, waiting", () => {
    const list = [
      still("waiting", 10),
      still("paused", 10),
      playing(900_000, "later"),
      playing(-5_000, "overdue"),
      playing(5_000, "soon"),
    ];
    expect(list.sort(byUrgency).map((session) => [session.status, session.barcodeId])).toEqual([
      ["playing", "overdue"],
      ["playing", "soon"],
      ["playing", "later"],
      ["paused", "B-1"],
      ["waiting", "B-1"],
    ]);
  });
});
