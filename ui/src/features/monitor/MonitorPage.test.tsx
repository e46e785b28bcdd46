import { act, screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { holdOrder } from "../../components/heldOrder";
import { NOW } from "../../test/now";
import { aVenue, openApp, stopClock } from "../../test/openApp";

beforeEach(stopClock);

const codes = () => screen.queryAllByTestId("monitor-tile").map((tile) => tile.dataset.barcode);

describe("Monitor", () => {
  test("shows the key figures and every session, the most urgent first", async () => {
    await openApp("/monitor");
    await screen.findAllByTestId("monitor-tile");
    expect(codes().slice(0, 3)).toEqual(["B-105", "B-104", "B-106"]);
    expect(screen.getByText("Average wait").nextSibling).toHaveTextContent("7 min");
  });

  test("chips and search narrow it, and one press shows all again", async () => {
    const { user } = await openApp("/monitor");
    await screen.findAllByTestId("monitor-tile");
    await user.click(screen.getByRole("radio", { name: /^Waiting/ }));
    expect(codes()).toEqual(["B-113", "B-108"]);
    await user.type(screen.getByRole("searchbox"), "b-10");
    await waitFor(() => expect(codes()).toEqual(["B-108"]));
    await user.type(screen.getByRole("searchbox"), "zzz");
    await user.click(await screen.findByRole("button", { name: "Show all" }));
    expect(codes()).toHaveLength(12);
  });

  test("a press on a tile opens the band's card", async () => {
    const { user } = await openApp("/monitor");
    const [tile] = await screen.findAllByTestId("monitor-tile");
    if (!tile) throw new Error("no tile");
    await user.click(tile);
    const card = await screen.findByRole("dialog", { name: "Band B-105" });
    expect(card).toHaveTextContent(/Overdue\+01:1\d/);
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(window.location.hash).toBe("#/monitor");
  });

  test("says what would fill it while nobody is here", async () => {
    await openApp("/monitor", aVenue(0));
    expect(await screen.findByText("Nobody here yet.")).toBeInTheDocument();
  });

  test("keeps only what can be seen of a thousand bands in the page", async () => {
    await openApp("/monitor", aVenue(1_000));
    await screen.findAllByTestId("monitor-tile");
    expect(codes().length).toBeLessThan(150);
    expect(screen.getAllByRole("listitem").at(-1)).toHaveAttribute("aria-setsize", "1000");
  });

  test("a clock runs down, changes its word at the limits and turns overdue", async () => {
    vi.useFakeTimers({ now: NOW, shouldAdvanceTime: true });
    const ipc = aVenue();
    const session = ipc.venue.sessions.find((candidate) => candidate.barcodeId === "B-109");
    Object.assign(session ?? {}, { expiresAt: new Date(NOW + 302_000).toISOString() });
    await openApp("/monitor", ipc);
    const tile = async () => {
      const tiles = await screen.findAllByTestId("monitor-tile");
      return tiles.find((candidate) => candidate.dataset.barcode === "B-109");
    };
    expect(await tile()).toHaveTextContent("In flight");
    await act(() => vi.advanceTimersByTimeAsync(3_000));
    expect(await tile()).toHaveTextContent("Low");
    // The minutes between need not be drawn second by second.
    const later = (ms: number) =>
      act(async () => {
        vi.setSystemTime(NOW + ms);
        await vi.advanceTimersByTimeAsync(1_000);
      });
    await later(243_000);
    expect(await tile()).toHaveTextContent("Last minute");
    await later(305_000);
    expect(await tile()).toHaveTextContent("Overdue");
    expect(await tile()).toHaveAttribute("data-level", "over");
  });

  test("a band that leaves at another desk leaves every screen", async () => {
    const { ipc } = await openApp("/monitor");
    await screen.findAllByTestId("monitor-tile");
    await act(async () => ipc.elsewhere({ type: "session.end", barcodeId: "B-108" }));
    expect(codes()).not.toContain("B-108");
  });

  test("marks what is not sent yet, in words for whoever hears the tile too", async () => {
    const { ipc } = await openApp("/monitor");
    await screen.findAllByTestId("monitor-tile");
    await act(async () => {
      ipc.setLink({ link: "offline" });
      await ipc.execute({ type: "session.play", barcodeId: "B-108" }, "command-1");
    });
    const tile = await screen.findByRole("link", { name: "B-108, In flight, not yet sent, 30:00" });
    expect(tile).toHaveTextContent("not yet sent");
    await act(async () => ipc.setLink({ link: "live" }));
    await waitFor(() => expect(screen.queryByTestId("pending-mark")).toBeNull());
  });

  test("nothing moves under a finger that is down", async () => {
    const { ipc } = await openApp("/monitor");
    await screen.findAllByTestId("monitor-tile");
    const before = codes();
    act(() => void window.dispatchEvent(new Event("pointerdown")));
    await act(async () => ipc.elsewhere({ type: "session.play", barcodeId: "B-108" }));
    expect(codes()).toEqual(before);
    act(() => void window.dispatchEvent(new Event("pointerup")));
    expect(codes()).not.toEqual(before);
  });

  test("a held list drops who is gone and puts who is new last", () => {
    expect(holdOrder(["a", "b", "c"], ["c", "d", "a"], (id) => id)).toEqual(["a", "c", "d"]);
  });
});
