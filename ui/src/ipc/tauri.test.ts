import { emit } from "@tauri-apps/api/event";
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newCommandId } from "./commandId";
import { createTauriIpc } from "./tauri";

let invoked: [string, unknown][];
beforeEach(() => {
  invoked = [];
  mockIPC(
    (command, args) => {
      invoked.push([command, args]);
      return null;
    },
    { shouldMockEvents: true },
  );
});
afterEach(() => clearMocks());

test("every call has the name and the arguments that the shell expects", async () => {
  const ipc = createTauriIpc();
  await ipc.query(["playerSession", "B-1"]);
  await ipc.subscribe([["products"]]);
  await ipc.unsubscribe([["products"]]);
  await ipc.painted(4);
  await ipc.execute({ type: "session.play", barcodeId: "B-1" }, "id-1");
  await ipc.settled("id-1", 5_000);
  await ipc.execute({ type: "session.play", barcodeId: "B-1" }, "id-2", { reason: "a helper" });
  await ipc.fate("id-1");
  await ipc.resolve("entry-1", "redo");
  await ipc.resolve("entry-1", "dismiss", "seen");
  await ipc.pair("ABCD-EFGH");
  await ipc.pair("ABCD-EFGH", "Gate 2");
  await ipc.status();
  await ipc.venueChoice();
  await ipc.chooseVenue({ mode: "host", venueName: "Salto" });
  await ipc.appInfo();
  expect(invoked).toEqual([
    ["query", { key: ["playerSession", "B-1"] }],
    ["subscribe", { keys: [["products"]] }],
    ["unsubscribe", { keys: [["products"]] }],
    ["painted", { pushId: 4 }],
    ["execute", { command: { type: "session.play", barcodeId: "B-1" }, commandId: "id-1" }],
    ["settled", { commandId: "id-1", timeoutMs: 5_000 }],
    [
      "execute",
      {
        command: { type: "session.play", barcodeId: "B-1" },
        commandId: "id-2",
        force: { reason: "a helper" },
      },
    ],
    ["fate", { commandId: "id-1" }],
    ["resolve", { entryId: "entry-1", action: "redo" }],
    ["resolve", { entryId: "entry-1", action: "dismiss", reason: "seen" }],
    ["pair", { code: "ABCD-EFGH" }],
    ["pair", { code: "ABCD-EFGH", deviceName: "Gate 2" }],
    ["status", {}],
    ["venue_choice", {}],
    ["choose_venue", { choice: { mode: "host", venueName: "Salto" } }],
    ["app_info", {}],
  ]);
});

test("a push arrives as it was sent, until it is stopped", async () => {
  const heard: unknown[] = [];
  const stop = await createTauriIpc().onUpdates((payload) => heard.push(payload));
  await emit("updates", { push: "updates", pushId: 1 });
  expect(heard).toEqual([{ push: "updates", pushId: 1 }]);
  stop();
  await emit("updates", { push: "updates", pushId: 2 });
  expect(heard).toHaveLength(1);
});

test("command ids are UUIDs of version 7 that sort by the time of the tap", () => {
  const early = newCommandId(1_764_000_000_000);
  const late = newCommandId(1_764_000_000_001);
  expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(early < late).toBe(true);
  expect(newCommandId()).not.toBe(newCommandId());
});
