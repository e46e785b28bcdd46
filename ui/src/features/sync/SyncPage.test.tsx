import { act, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, test } from "vitest";
import { PAIRING_CODE } from "../../ipc/fake/fakeIpc";
import { troubled } from "../../ipc/fake/trouble";
import type { SyncStatus } from "../../ipc/types";
import { aVenue, openApp, stopClock } from "../../test/openApp";

beforeEach(stopClock);

async function state(status: Partial<SyncStatus>): Promise<HTMLElement> {
  const { ipc } = await openApp("/sync");
  await screen.findByTestId("sync-state");
  await act(async () => ipc.setLink(status));
  return screen.getByTestId("sync-state");
}

async function command(id: string): Promise<HTMLElement> {
  const all = await screen.findAllByTestId("command");
  const found = all.find((one) => one.dataset.commandId === id);
  if (!found) throw new Error(`no command ${id}`);
  return found;
}

describe("Sync", () => {
  test("says how the link stands, and that nothing waits", async () => {
    const shown = await state({});
    expect(within(shown).getByRole("heading", { name: "Live, all desks agree" })).toBeInTheDocument();
    expect(shown).toHaveTextContent("Not yet sentNothing");
    expect(shown).toHaveTextContent("Clock of this computerRight");
    expect(shown).not.toHaveTextContent("Places this desk may fill");
    expect(screen.queryByText("What was put right")).toBeNull();
  });

  test.each<[Partial<SyncStatus>, string]>([
    [{ link: "offline", offlineSince: "2026-11-21T13:02:00.000Z" }, "Offline since 14:02Nothing is lost"],
    [{ link: "catchingUp" }, "Catching upThis desk fetches"],
    [{ inSync: false }, "Live, checkingThis desk compares"],
    [
      { pending: 3, oldestPendingAt: "2026-11-20T13:02:00.000Z" },
      "3, the oldest tapped on Fri, Nov 20 at 14:02",
    ],
    [{ clockOffsetMs: 3_720_000 }, "1 h 2 min behind."],
    [{ clockOffsetMs: -61_000 }, "1 min ahead."],
    [{ clockOffsetMs: 1_900 }, "Right"],
    [{ places: { held: 6, spent: 2 } }, "Places this desk may fill4 free, 2 taken"],
    [{ lastSyncAt: null }, "Last word from the serverNone yet"],
  ])("puts %j into words", async (status, words) => {
    expect(await state(status)).toHaveTextContent(words);
  });

  test("pairs a desk that the server does not know, and says what is wrong with a code", async () => {
    const { ipc, user } = await openApp("/sync");
    await screen.findByTestId("sync-state");
    expect(screen.queryByTestId("pair-code")).toBeNull();
    const problem = { code: "not_paired", params: {}, message: "a token is needed" };
    await act(async () => ipc.setLink({ link: "offline", problem }));
    expect(screen.getByText(/lets in only desks that are paired/)).toBeInTheDocument();
    await user.type(screen.getByTestId("pair-code"), "AAAA-AAAA");
    await user.click(screen.getByTestId("pair"));
    expect(await screen.findByRole("alert")).toHaveTextContent("This code does not count.");
    await user.clear(screen.getByTestId("pair-code"));
    await user.type(screen.getByTestId("pair-code"), PAIRING_CODE);
    await user.type(screen.getByTestId("pair-name"), "Gate 2");
    await user.click(screen.getByTestId("pair"));
    await waitFor(() => expect(screen.queryByTestId("pair-code")).toBeNull());
    expect(ipc.calls.filter(({ name }) => name === "pair").map(({ argument }) => argument)).toEqual([
      { code: "AAAA-AAAA", deviceName: undefined },
      { code: PAIRING_CODE, deviceName: "Gate 2" },
    ]);
  });

  test("shows how far a backlog is, and takes the bar away at its end", async () => {
    const shown = await state({ drain: { total: 5_000, left: 1_790 }, pending: 1_790 });
    expect(within(shown).getByText("3,210 of 5,000 sent")).toBeInTheDocument();
    const bar = within(shown).getByRole("progressbar", { name: "3,210 of 5,000 sent" });
    expect(bar).toHaveAttribute("value", "3210");
  });

  test("tells what was put right, and shows it raw", async () => {
    const { ipc, user } = await openApp("/sync");
    await screen.findByTestId("sync-state");
    const status: Partial<SyncStatus> = {
      notices: [{ code: "cache_replaced", params: { file: "old.sqlite" }, message: "" }],
      differs: {
        found: "fileChanged",
        foundAt: "2026-11-21T13:02:00.000Z",
        repairedAt: null,
        rows: [{ collection: "sessions", id: "s-7", fields: ["status"], kind: "changed" }],
      },
    };
    await act(async () => ipc.setLink(status));
    expect(screen.getByText(/The old file is kept as old.sqlite\.$/)).toBeInTheDocument();
    expect(
      screen.getByText(/another program wrote to its file, at 14:02. They are being/),
    ).toBeInTheDocument();
    await user.click(screen.getByText("Raw view"));
    expect(await screen.findByText(/"id": "s-7"/)).toBeInTheDocument();
  });

  test("says why there is no link in its own words, and the machine's one tap further", async () => {
    const problem = { code: "no_answer", params: {}, message: "connection refused (os error 111)" };
    const shown = await state({ link: "connecting", problem });
    expect(within(shown).getByText(/^No Gangway server answers at its address\./)).toBeInTheDocument();
    expect(shown).not.toHaveTextContent("os error");
  });

  test("a full disk is said at once, with a link too", async () => {
    const problem = { code: "commands_not_saved", params: {}, message: "database or disk is full" };
    const shown = await state({ problem });
    expect(within(shown).getByRole("status")).toHaveTextContent("See whether the disk is full");
  });

  test("says what will stand there while nothing was tapped", async () => {
    await openApp("/sync");
    expect(await screen.findByText("Nothing was tapped here yet.")).toBeInTheDocument();
  });

  test("tells what was tapped as letters", async () => {
    await openApp("/sync", troubled(aVenue()));
    expect(await command("told-2")).toHaveTextContent(
      "Sold 2 h and Grip socks to B-104 at 15:02 without a link. The server took it at 15:31.",
    );
    expect(await command("told-4")).toHaveTextContent("The server refused it at 15:31: the park was full.");
    expect(await command("told-5")).toHaveTextContent("Let B-112 in at 15:34. The server took it at once.");
    expect(await command("told-1")).toHaveTextContent("Changed the settings on Fri, Nov 20 at 13:24.");
  });

  test("a press shows the way of a command, from the tap to the desks that have seen it", async () => {
    const { user } = await openApp("/sync", troubled(aVenue()));
    const letter = await command("told-3");
    await user.click(within(letter).getByText(/^Changed the product/));
    const steps = within(await within(letter).findByTestId("fate")).getAllByRole("listitem");
    await waitFor(() =>
      expect(steps.map((step) => step.textContent)).toEqual([
        "tapped 15:03:05",
        "on disk 15:03:05",
        "sent 15:31:05",
        "accepted as seq 8124–8125",
        "seen by 4 desks",
      ]),
    );
  });

  test("without a link the way ends where it is, and goes on by itself", async () => {
    const { ipc, user } = await openApp("/sync");
    await screen.findByText("Nothing was tapped here yet.");
    await act(async () => {
      ipc.setLink({ link: "offline" });
      await ipc.execute({ type: "session.play", barcodeId: "B-108" }, "command-1");
    });
    const letter = await command("command-1");
    expect(letter).toHaveTextContent("Let B-108 in at 16:04 without a link. It is saved here");
    await user.click(within(letter).getByText(/^Let B-108 in/));
    expect(await within(letter).findByText("not yet sent")).toBeInTheDocument();
    await act(async () => ipc.setLink({ link: "live" }));
    expect(await within(letter).findByText("seen by 4 desks")).toBeInTheDocument();
    expect(letter).toHaveTextContent("The server took it at once.");
  });

  test("what the core can't tell now is shown as it was last told", async () => {
    const ipc = troubled(aVenue());
    ipc.fate = () => Promise.reject({ code: "offline", message: "No link." });
    const { user } = await openApp("/sync", ipc);
    const letter = await command("told-2");
    await user.click(within(letter).getByText(/^Sold/));
    expect(await within(letter).findByText("accepted as seq 8123")).toBeInTheDocument();
  });
});
