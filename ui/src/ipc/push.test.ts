import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readPush } from "./push";

const push = (updates: unknown) => ({ push: "updates", seq: 7, pushId: 3, updates });
const session = { id: "s1", barcodeId: "B-1" };

describe("reading a push", () => {
  test("takes sets and invalidates of known keys", () => {
    const freshness = { state: "stale", asOfSeq: 7, lastSyncAt: "2026-11-21T15:00:00.000Z" };
    const updates = [
      { key: ["activeSessions"], op: "set", data: [session], freshness },
      { key: ["playerSession", "B-1"], op: "set", data: null },
      { key: ["products"], op: "invalidate" },
    ];
    expect(readPush(push(updates))).toEqual({
      seq: 7,
      pushId: 3,
      malformed: 0,
      updates: [updates[0], { ...updates[1], freshness: undefined }, updates[2]],
    });
  });

  test("is read before there is a first copy of the venue, when no event counts yet", () => {
    const payload = {
      push: "updates",
      seq: null,
      pushId: 1,
      updates: [{ key: ["syncStatus"], op: "set", data: {} }],
    };
    expect(readPush(payload)).toMatchObject({ seq: null, malformed: 0, updates: [{ op: "set" }] });
  });

  test.each([
    ["no object", "updates"],
    ["another push", { push: "else", seq: 1, pushId: 1, updates: [] }],
    ["a seq that is no whole number", { push: "updates", seq: 1.5, pushId: 1, updates: [] }],
    ["no push id", { push: "updates", seq: 1, updates: [] }],
    ["updates that are no list", { push: "updates", seq: 1, pushId: 1, updates: {} }],
  ])("is none with %s", (_, payload) => {
    expect(readPush(payload)).toBeNull();
  });

  test.each([
    ["a session list without its sessions", { key: ["activeSessions"], op: "set", data: { sessions: [] } }],
    ["a session without its band", { key: ["playerSession", "B-1"], op: "set", data: { id: "s1" } }],
    ["a set without data", { key: ["dashboardStats"], op: "set" }],
  ])("has %s asked again", (_, update) => {
    expect(readPush(push([update]))).toMatchObject({
      malformed: 1,
      updates: [{ key: update.key, op: "invalidate" }],
    });
  });

  test.each([
    ["an unknown key", { key: ["moonPhase"], op: "invalidate" }],
    ["an unknown op", { key: ["products"], op: "patch" }],
    ["a key that is no list", { key: "products", op: "invalidate" }],
    ["nothing", null],
  ])("drops %s and keeps the rest", (_, update) => {
    const read = readPush(push([update, { key: ["products"], op: "invalidate" }]));
    expect(read).toMatchObject({ malformed: 1, updates: [{ key: ["products"], op: "invalidate" }] });
  });

  test("never throws, whatever comes", () => {
    fc.assert(
      fc.property(fc.anything(), fc.array(fc.anything()), (payload, updates) => {
        readPush(payload);
        const read = readPush(push(updates));
        expect((read?.updates.length ?? 0) + (read?.malformed ?? 0)).toBeGreaterThanOrEqual(updates.length);
      }),
    );
  });
});
