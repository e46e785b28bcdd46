import { QueryClientProvider } from "@tanstack/react-query";
import { act, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { aVenue, stopClock } from "../test/openApp";
import type { FakeIpc } from "./fake/fakeIpc";
import { connectQueries, type VenueQueries } from "./queries";
import type { QueryKey } from "./types";
import { useVenueQuery } from "./useVenueQuery";

let ipc: FakeIpc;
let queries: VenueQueries;
let frames: (() => void)[];

beforeEach(async () => {
  stopClock();
  ipc = aVenue(3);
  frames = [];
  queries = connectQueries(ipc, (done) => frames.push(done));
  await queries.start();
});
afterEach(() => queries.stop());

const calls = (name: string) => ipc.calls.filter((call) => call.name === name).map((call) => call.argument);
const settingsPush = (pushId: number, siteName: string) => ({
  push: "updates",
  seq: 50,
  pushId,
  updates: [{ key: ["systemSettings"], op: "set", data: { ...ipc.venue.settings, siteName } }],
});

function Name({ of = ["systemSettings"] }: { of?: QueryKey<"systemSettings"> }) {
  const query = useVenueQuery(of);
  if (query.state === "failed")
    return (
      <button type="button" onClick={query.retry}>
        {query.refusal.message}
      </button>
    );
  return <p>{query.state === "ready" ? query.data.siteName : query.state}</p>;
}

function show(children: React.ReactNode) {
  return render(<QueryClientProvider client={queries.client}>{children}</QueryClientProvider>);
}

describe("the query cache", () => {
  test("draws what a push sets, without asking", async () => {
    show(<Name />);
    await screen.findByText("Salto Park");
    const asked = calls("query").length;
    await act(async () => ipc.emit(settingsPush(1, "Parque Nuevo")));
    expect(screen.getByText("Parque Nuevo")).toBeInTheDocument();
    expect(calls("query")).toHaveLength(asked);
    expect(queries.counters).toMatchObject({ pushes: 1, sets: 1, malformed: 0 });
  });

  test("asks the core again when a push invalidates", async () => {
    show(<Name />);
    await screen.findByText("Salto Park");
    ipc.venue.settings.siteName = "Asked Again";
    const updates = [{ key: ["systemSettings"], op: "invalidate" }];
    await act(async () => ipc.emit({ push: "updates", seq: 2, pushId: 1, updates }));
    await screen.findByText("Asked Again");
    expect(calls("query")).toEqual([["systemSettings"], ["systemSettings"]]);
  });

  test("subscribes a key with its first observer and unsubscribes it with its last", async () => {
    const { rerender } = show(
      <>
        <Name />
        <Name />
      </>,
    );
    await waitFor(() => expect(calls("subscribe")).toEqual([[["systemSettings"]]]));
    const one = (
      <QueryClientProvider client={queries.client}>
        <Name />
      </QueryClientProvider>
    );
    rerender(one);
    expect(calls("unsubscribe")).toEqual([]);
    rerender(<QueryClientProvider client={queries.client}>{null}</QueryClientProvider>);
    await waitFor(() => expect(calls("unsubscribe")).toEqual([[["systemSettings"]]]));
    expect(ipc.subscribed()).toEqual([]);
  });

  test("subscribes before it asks, so that nothing falls in between", async () => {
    show(<Name />);
    await screen.findByText("Salto Park");
    const order = ipc.calls
      .map((call) => call.name)
      .filter((name) => name === "subscribe" || name === "query");
    expect(order).toEqual(["subscribe", "query"]);
  });

  test("drops and counts a push for a key that nobody observes", async () => {
    show(<Name />);
    await screen.findByText("Salto Park");
    const updates = [{ key: ["products"], op: "set", data: [] }];
    await act(async () => ipc.emit({ push: "updates", seq: 2, pushId: 1, updates }));
    expect(queries.client.getQueryData(["products"])).toBeUndefined();
    expect(queries.counters).toMatchObject({ unsubscribed: 1, sets: 0 });
  });

  test("does not trust what it kept of a key while nobody listened", async () => {
    const { rerender } = show(<Name />);
    await screen.findByText("Salto Park");
    rerender(<QueryClientProvider client={queries.client}>{null}</QueryClientProvider>);
    await waitFor(() => expect(ipc.subscribed()).toEqual([]));
    ipc.venue.settings.siteName = "Changed Meanwhile";
    rerender(
      <QueryClientProvider client={queries.client}>
        <Name />
      </QueryClientProvider>,
    );
    await screen.findByText("Changed Meanwhile");
  });

  test("tells the core once per push that it was painted, after the frame", async () => {
    show(<Name />);
    await screen.findByText("Salto Park");
    await act(async () => {
      ipc.emit(settingsPush(11, "One"));
      ipc.emit(settingsPush(12, "Two"));
    });
    expect(calls("painted")).toEqual([]);
    for (const painted of frames) painted();
    expect(calls("painted")).toEqual([11, 12]);
  });

  test("ignores and counts a malformed push, and lives on", async () => {
    show(<Name />);
    await screen.findByText("Salto Park");
    await act(async () => {
      ipc.emit({ push: "updates", updates: "everything" });
      ipc.emit(undefined);
      ipc.emit(settingsPush(1, "Still Here"));
    });
    expect(screen.getByText("Still Here")).toBeInTheDocument();
    expect(queries.counters).toMatchObject({ malformed: 2, pushes: 1 });
    expect(frames).toHaveLength(1);
  });

  test("keeps a push that overtook the answer to an older question", async () => {
    let answer: () => void = () => undefined;
    const asked = ipc.query;
    ipc.query = async (key) => {
      const reply = await asked(key);
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return reply;
    };
    show(<Name />);
    await waitFor(() => expect(calls("query")).toHaveLength(1));
    await act(async () => ipc.emit(settingsPush(1, "Newer")));
    await act(async () => answer());
    expect(screen.getByText("Newer")).toBeInTheDocument();
  });

  test("shows why a key can't be read, and reads it when asked again", async () => {
    const works = ipc.query;
    ipc.query = () => Promise.reject({ code: "not_ready", message: "Not yet." });
    show(<Name />);
    const again = await screen.findByRole("button", { name: "Not yet." });
    ipc.query = works;
    act(() => again.click());
    await screen.findByText("Salto Park");
  });

  test("waits while this desk has no first copy", async () => {
    ipc.query = async () => ({ data: null, freshness: { state: "stale", asOfSeq: null, lastSyncAt: null } });
    show(<Name />);
    await waitFor(() => expect(queries.client.isFetching()).toBe(0));
    expect(screen.getByText("loading")).toBeInTheDocument();
  });
});
