import { act, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, test } from "vitest";
import { anEntry } from "../ipc/fake/outbox";
import { aVenue, openApp, scan, stopClock } from "../test/openApp";

beforeEach(stopClock);

describe("the window", () => {
  test("says on every view how full it is, how fresh it is and what time it is there", async () => {
    await openApp("/settings");
    expect(screen.getByTestId("occupancy")).toHaveTextContent("8 / 60 inside · 52 free");
    expect(screen.getByTestId("sync-light")).toHaveTextContent("Live, all desks agree");
    expect(screen.getByText("16:04")).toBeInTheDocument();
  });

  test.each([
    [{ link: "live", inSync: false }, "Live, checking"],
    [{ link: "catchingUp", inSync: false }, "Catching up"],
    [{ link: "connecting", inSync: true }, "Connecting"],
    [{ link: "offline", offlineSince: "2026-11-21T13:02:00.000Z", inSync: true }, "Offline since 14:02"],
    [{ link: "offline", offlineSince: null }, "Offline"],
    [
      { link: "offline", offlineSince: "2026-11-21T13:02:00.000Z", pending: 3 },
      "Offline since 14:02, 3 not yet sent",
    ],
    [
      { link: "live", inSync: true, drain: { total: 5_000, left: 1_790 }, pending: 1_790 },
      "Live, 1,790 not yet sent",
    ],
    [
      { link: "live", inSync: true, pending: 1, oldestPendingAt: "2026-11-21T15:03:00.000Z" },
      "Live, 1 not yet sent",
    ],
  ] as const)("never claims more than the core knows: %j", async (change, words) => {
    const { ipc } = await openApp("/monitor");
    await act(async () => ipc.setLink(change));
    const light = screen.getByTestId("sync-light");
    expect(light).toHaveTextContent(words);
    expect(light).toHaveAttribute("data-in-sync", "false");
    expect(light).toHaveAttribute("data-link", change.link);
  });

  test("a tap on the light tells more", async () => {
    const { user } = await openApp("/monitor");
    await user.click(within(screen.getByTestId("sync-light")).getByRole("link"));
    expect(await screen.findByTestId("sync-state")).toHaveTextContent(
      "What you see is what the venue knows.",
    );
  });

  test("the rail counts what needs attention", async () => {
    const { ipc } = await openApp("/monitor");
    expect(screen.queryByTestId("attention-count")).toBeNull();
    ipc.attention.push(anEntry(), anEntry());
    await act(async () => ipc.setLink({}));
    expect(screen.getByRole("link", { name: "Needs attention, 2 entries" })).toBeInTheDocument();
  });

  test("shows what it has when the link is gone, and says from when it is", async () => {
    const { ipc } = await openApp("/monitor");
    await act(async () =>
      ipc.setLink({
        link: "offline",
        offlineSince: "2026-11-21T13:02:00.000Z",
        lastSyncAt: "2026-11-21T13:01:00.000Z",
      }),
    );
    expect(screen.getByText(/No link to the server. What you see is as of 14:01/)).toBeInTheDocument();
    expect(await screen.findAllByTestId("monitor-tile")).toHaveLength(12);
  });

  test("moves nothing under a finger each time that it tries for a link", async () => {
    const { ipc } = await openApp("/monitor");
    const lost = { offlineSince: "2026-11-21T13:02:00.000Z", lastSyncAt: "2026-11-21T13:01:00.000Z" };
    const words = /No link to the server/;
    await act(async () => ipc.setLink({ link: "offline", ...lost }));
    await act(async () => ipc.setLink({ link: "connecting", ...lost }));
    expect(screen.getByText(words)).toBeInTheDocument();
    await act(async () => ipc.setLink({ link: "catchingUp", offlineSince: null }));
    expect(screen.queryByText(words)).toBeNull();
    const passing = screen.getByText(/Catching up with the other desks/).closest(".stale-passing");
    expect(passing).toBeInTheDocument();
  });

  test("runs its clocks on venue time, whatever this desk's clock says", async () => {
    const { ipc } = await openApp("/monitor");
    await act(async () => ipc.setLink({ clockOffsetMs: 3_600_000 }));
    expect(screen.getByText("17:04")).toBeInTheDocument();
  });

  test("every view has a key", async () => {
    const { user } = await openApp("/products");
    for (const [digit, name] of [
      "checkin",
      "gate",
      "monitor",
      "dashboard",
      "products",
      "settings",
      "sync",
      "attention",
    ].entries()) {
      await user.keyboard(`{Alt>}{${digit + 1}}{/Alt}`);
      await waitFor(() => expect(screen.getByTestId(`nav-${name}`)).toHaveAttribute("aria-current", "page"));
    }
  });

  test("the keyboard goes on in the view that was opened", async () => {
    const { user } = await openApp("/monitor");
    await user.click(screen.getByTestId("nav-products"));
    await waitFor(() => expect(document.getElementById("view")).toHaveFocus());
    await user.click(screen.getByTestId("nav-gate"));
    await waitFor(() => expect(screen.getByTestId("gate-input")).toHaveFocus());
  });

  test("a question mark explains the keys", async () => {
    const { user } = await openApp("/monitor");
    await user.keyboard("?");
    expect(await screen.findByRole("dialog", { name: "Keys and scanner" })).toBeInTheDocument();
  });

  test("a scan outside Check-in and Gate opens the band's card, and the card sells", async () => {
    const { user } = await openApp("/dashboard");
    scan("b-1040");
    const none = await screen.findByRole("dialog", { name: "Band B-1040" });
    expect(within(none).getByText("This band has no visit today.")).toBeInTheDocument();
    await user.click(within(none).getByRole("button", { name: "Sell time" }));
    expect(await screen.findByRole("heading", { name: "B-1040" })).toBeInTheDocument();
  });

  test("speaks Spanish from one press on, everywhere", async () => {
    const { user } = await openApp("/monitor");
    await user.click(screen.getByTestId("desk-menu"));
    await user.click(await screen.findByRole("radio", { name: "Español" }));
    await user.keyboard("{Escape}");
    expect(screen.getByTestId("occupancy")).toHaveTextContent("8 / 60 dentro · 52 libres");
    expect(screen.getByTestId("nav-checkin")).toHaveTextContent("Venta");
  });

  test("changes colours and keeps them", async () => {
    const { user } = await openApp("/monitor");
    await user.click(screen.getByTestId("desk-menu"));
    await user.click(await screen.findByRole("radio", { name: "High contrast" }));
    expect(document.documentElement).toHaveAttribute("data-theme", "contrast");
    expect(localStorage.getItem("gangway.theme")).toBe("contrast");
  });

  test("what another desk does shows by itself, and is reported as painted", async () => {
    const { ipc } = await openApp("/monitor");
    await act(async () => ipc.elsewhere({ type: "session.play", barcodeId: "B-108" }));
    expect(screen.getByTestId("occupancy")).toHaveTextContent("9 / 60 inside · 51 free");
    await waitFor(() => expect(ipc.calls.filter((call) => call.name === "painted")).toHaveLength(1));
  });

  test("subscribes only to what the open view shows", async () => {
    const { ipc, user } = await openApp("/dashboard");
    expect(ipc.subscribed()).toContainEqual(["daySeries"]);
    await user.click(screen.getByTestId("nav-settings"));
    await waitFor(() => expect(ipc.subscribed()).not.toContainEqual(["daySeries"]));
    expect(
      ipc
        .subscribed()
        .map(([name]) => name)
        .sort(),
    ).toEqual(["dashboardStats", "syncStatus", "systemSettings"]);
  });

  test("says more than full when it is", async () => {
    const ipc = aVenue();
    ipc.venue.settings.maxOccupancy = 8;
    await openApp("/monitor", ipc);
    expect(screen.getByTestId("occupancy")).toHaveTextContent("8 / 8 inside · full");
    await act(async () => ipc.elsewhere({ type: "settings.update", changes: { maxOccupancy: 5 } }));
    expect(screen.getByTestId("occupancy")).toHaveTextContent("8 / 5 inside · 3 too many");
  });
});
