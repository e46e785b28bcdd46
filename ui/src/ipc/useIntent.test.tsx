import { act, renderHook, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { aVenue, sent, stopClock } from "../test/openApp";
import type { FakeIpc } from "./fake/fakeIpc";
import { IpcContext } from "./IpcContext";
import { type Outcome, tell, useIntent } from "./useIntent";

let ipc: FakeIpc;
beforeEach(() => {
  stopClock();
  ipc = aVenue();
});

const play = (barcodeId: string) => ({ type: "session.play", barcodeId });

function intent() {
  const wrapper = ({ children }: { children: React.ReactNode }) => (
    <IpcContext value={ipc}>{children}</IpcContext>
  );
  return renderHook(() => useIntent(), { wrapper }).result;
}

describe("an intent", () => {
  test("is done when the venue has settled it", async () => {
    const result = intent();
    const outcome = await act(() => result.current.send(play("B-108")));
    expect(outcome).toMatchObject({ kind: "done", result: { barcodeId: "B-108", status: "playing" } });
    expect(result.current.busy).toBe(false);
  });

  test("does not take a second tap while the first is underway", async () => {
    const result = intent();
    const outcomes = await act(() =>
      Promise.all([result.current.send(play("B-108")), result.current.send(play("B-108"))]),
    );
    expect(outcomes.map((outcome) => outcome?.kind)).toEqual(["done", undefined]);
    expect(sent(ipc)).toHaveLength(1);
  });

  test("keeps its command id when it did not reach the disk, so that trying again can't count twice", async () => {
    const result = intent();
    const works = ipc.execute;
    ipc.execute = vi.fn((command, commandId) => {
      ipc.calls.push({ name: "execute", argument: { command, commandId } });
      return Promise.reject({ code: "offline", message: "No link." });
    });
    const outcome = await act(() => result.current.send(play("B-108")));
    expect(outcome).toEqual({ kind: "refused", rejection: { code: "offline", message: "No link." } });
    ipc.execute = works;
    await act(() => result.current.send(play("B-108")));
    const ids = sent(ipc).map(({ commandId }) => commandId);
    expect(ids[1]).toBe(ids[0]);
  });

  test("has a new id for each thing that was told", async () => {
    const result = intent();
    await act(() => result.current.send(play("B-108")));
    await act(() => result.current.send({ type: "session.pause", barcodeId: "B-108" }));
    await act(() => result.current.send(play("B-108")));
    expect(new Set(sent(ipc).map(({ commandId }) => commandId)).size).toBe(3);
  });

  test("carries the venue's no", async () => {
    const result = intent();
    const outcome = await act(() => result.current.send(play("B-404")));
    expect(outcome).toMatchObject({ kind: "refused", rejection: { code: "unknown_band" } });
  });

  test("is refused by this desk when its own rules say no, and nothing waits for an answer", async () => {
    const outcome = await tell(ipc, play("B-404"));
    expect(outcome).toMatchObject({ kind: "refused", rejection: { code: "unknown_band" } });
    expect(ipc.calls.filter(({ name }) => name === "settled")).toEqual([]);
  });

  test("is saved while nobody answers, and its late answer is heard", async () => {
    const result = intent();
    ipc.holdAnswers(true);
    const late: Outcome[] = [];
    const patience: number[] = [];
    const settled = ipc.settled;
    ipc.settled = (commandId, timeoutMs) => {
      patience.push(timeoutMs);
      return settled(commandId, timeoutMs);
    };
    const onLate = (heard: Outcome) => late.push(heard);
    const outcome = await act(() => result.current.send(play("B-108"), { onLate }));
    expect(outcome).toMatchObject({ kind: "saved", offline: false, awaiting: false });
    await act(async () => ipc.holdAnswers(false));
    expect(late).toMatchObject([{ kind: "done" }]);
    expect(patience).toEqual([5_000, 15_000]);
  });

  test("goes on listening when a wait was too short, and stops when nobody wants to know", async () => {
    ipc.holdAnswers(true);
    let waits = 0;
    ipc.settled = () => {
      waits += 1;
      return Promise.reject({ code: "not_settled", message: "No answer in time." });
    };
    const onLate = vi.fn();
    await tell(ipc, play("B-108"), { onLate, isWanted: () => waits < 4 });
    await waitFor(() => expect(waits).toBe(4));
    expect(onLate).not.toHaveBeenCalled();
  });

  test("is saved at once without a link", async () => {
    ipc.setLink({ link: "offline" });
    expect(await tell(ipc, play("B-108"))).toMatchObject({ kind: "saved", offline: true });
    expect(ipc.calls.filter(({ name }) => name === "settled")).toEqual([]);
  });

  test("is saved at once while a backlog is sent before it", async () => {
    ipc.holdAnswers(true);
    ipc.setLink({ drain: { total: 5_000, left: 1_790 } });
    expect(await tell(ipc, play("B-108"))).toMatchObject({ kind: "saved", offline: false });
    expect(ipc.calls.filter(({ name }) => name === "settled")).toEqual([]);
  });

  test("says that the server is being asked when only the server can answer", async () => {
    ipc.holdAnswers("awaiting");
    const onAsking = vi.fn();
    expect(await tell(ipc, play("B-108"), { onAsking })).toMatchObject({ kind: "saved", awaiting: true });
    expect(onAsking).toHaveBeenCalledOnce();
  });

  test("carries the reason of a person who overrules", async () => {
    await tell(ipc, play("B-108"), { force: { reason: "a helper" } });
    expect(sent(ipc)[0]).toMatchObject({ command: play("B-108"), force: { reason: "a helper" } });
  });

  test("is saved, not refused, when only the answer could not be fetched", async () => {
    ipc.settled = () => Promise.reject(new Error("the page was reloaded"));
    expect(await tell(ipc, play("B-108"))).toMatchObject({ kind: "saved" });
  });
});
