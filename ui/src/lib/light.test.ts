import { expect, test } from "vitest";
import { type Lit, lightOf } from "./light";

const NOW = Date.parse("2026-11-21T15:04:05.000Z");
const GREEN: Lit = { link: "live", inSync: true, pending: 0, offlineSince: null };
const ago = (ms: number) => new Date(NOW - ms).toISOString();

test.each<[string, Partial<Lit>, string]>([
  ["green when all was found equal", {}, "agreed"],
  ["checking until it was", { inSync: false }, "checking"],
  ["green while a command is on its way", { pending: 1, oldestPendingAt: ago(4_900) }, "agreed"],
  ["not green when one takes long", { pending: 1, oldestPendingAt: ago(5_100) }, "unsent"],
  ["not green while a backlog is sent", { pending: 9, drain: { total: 10, left: 9 } }, "unsent"],
  ["offline whatever was equal before", { link: "offline" }, "offline"],
  ["catching up before anything is compared", { link: "catchingUp" }, "catchingUp"],
])("the light is %s", (_, status, light) => {
  expect(lightOf({ ...GREEN, ...status }, NOW)).toBe(light);
});

test("without a word from the core the light claims nothing", () => {
  expect(lightOf(undefined, NOW)).toBe("connecting");
});
