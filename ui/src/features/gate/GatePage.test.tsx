import { act, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { NOW } from "../../test/now";
import { aVenue, openApp, scan, sent, stopClock } from "../../test/openApp";
import { isEcho, verbForScan } from "./scans";

beforeEach(stopClock);

async function row(code: string): Promise<HTMLElement> {
  const rows = await screen.findAllByTestId("gate-row");
  const found = rows.find((candidate) => candidate.dataset.barcode === code);
  if (!found) throw new Error(`no row ${code}`);
  return found;
}

async function answered(outcome: string, words: string | RegExp): Promise<void> {
  await waitFor(() => expect(screen.getByTestId("gate-answer")).toHaveAttribute("data-outcome", outcome));
  expect(screen.getByTestId("gate-answer")).toHaveTextContent(words);
}

async function type(
  user: { type: (field: Element, text: string) => Promise<void> },
  code: string,
): Promise<void> {
  await user.type(screen.getByTestId("gate-input"), `${code}{Enter}`);
}

describe("Gate", () => {
  test("a waiting band goes in, with the time it has", async () => {
    const { user } = await openApp("/gate");
    await row("B-108");
    await type(user, "B-108");
    await answered("go", "GO30:00 leftB-108");
    await waitFor(async () => expect((await row("B-108")).dataset.status).toBe("playing"));
    expect(screen.getByText("free places")).toHaveTextContent("51 free places");
  });

  test("a band in flight goes out and keeps its time", async () => {
    const { user, ipc } = await openApp("/gate");
    await row("B-109");
    await type(user, "B-109");
    await answered("out", /OUT\d\d:\d\d kept/);
    expect(sent(ipc).at(-1)?.command).toEqual({ type: "session.pause", barcodeId: "B-109" });
  });

  test.each([
    ["B-777", "This band has no time yet. Send to the desk."],
    ["B-108", "The park is full. Wait for a free place."],
  ])("STOP for %s, with what to do", async (code, words) => {
    const ipc = aVenue();
    ipc.venue.settings.maxOccupancy = 1;
    const { user } = await openApp("/gate", ipc);
    await row("B-108");
    await type(user, code);
    await answered("stop", words);
    expect(ipc.venue.sessions.find((session) => session.barcodeId === "B-108")?.status).toBe("waiting");
  });

  test("STOP for a scan that can be no code", async () => {
    const { ipc } = await openApp("/gate");
    await row("B-108");
    scan("X".repeat(65), document.body);
    await answered("stop", "This is not a band's code.");
    expect(sent(ipc)).toEqual([]);
  });

  test("takes a scan whatever has the focus", async () => {
    const { ipc } = await openApp("/gate");
    await row("B-108");
    scan("HTTPS://B.EXAMPLE/W/7F3A91C0D25E4B68A1F09C3D7E5B2A64-0007-XL-GRP", document.body);
    await answered("out", "kept");
    expect(sent(ipc)).toHaveLength(1);
  });

  test("loses no scan while the one before is underway, and hears an echo once", async () => {
    const { ipc } = await openApp("/gate");
    await row("B-108");
    for (const code of ["B-0001", "B-0001", "B-0002"]) scan(code, document.body);
    await waitFor(() => expect(sent(ipc)).toHaveLength(2));
    expect(sent(ipc).map(({ command }) => command.barcodeId)).toEqual(["B-0001", "B-0002"]);
  });

  test("the answer grows quiet after four seconds and stays readable", async () => {
    const { user } = await openApp("/gate");
    await row("B-108");
    vi.useFakeTimers({ now: NOW, shouldAdvanceTime: true });
    await type(user, "B-108");
    await answered("go", "30:00 left");
    expect(screen.getByTestId("gate-answer")).toHaveAttribute("data-loud");
    await act(() => vi.advanceTimersByTimeAsync(4_000));
    expect(screen.getByTestId("gate-answer")).not.toHaveAttribute("data-loud");
    expect(screen.getByTestId("gate-answer")).toHaveTextContent("30:00 left");
  });

  test("overdue stands first, in words too, and its only button is Out", async () => {
    const { user, ipc } = await openApp("/gate");
    const overdue = await row("B-105");
    const inFlight = screen
      .getAllByTestId("gate-row")
      .filter((candidate) => candidate.dataset.status === "playing");
    expect(inFlight[0]).toBe(overdue);
    expect(overdue).toHaveTextContent(/Overdue\+01:1\d/);
    expect(within(overdue).queryByTestId("gate-pause")).toBeNull();
    await user.click(within(overdue).getByTestId("gate-end"));
    await answered("out", "Visit ended");
    expect(sent(ipc)[0]?.command).toEqual({ type: "session.end", barcodeId: "B-105" });
  });

  test("asks before time that was paid for is lost", async () => {
    const { user, ipc } = await openApp("/gate");
    await user.click(within(await row("B-108")).getByTestId("gate-end"));
    const question = await screen.findByRole("alertdialog", { name: "Out for good?" });
    expect(question).toHaveTextContent("B-108 has 30:00 left.");
    expect(within(question).getByRole("button", { name: "Keep it" })).toHaveFocus();
    await user.click(within(question).getByRole("button", { name: "Keep it" }));
    expect(sent(ipc)).toEqual([]);
  });

  test("Play and Pause of a row do what they say", async () => {
    const { user, ipc } = await openApp("/gate");
    await user.click(within(await row("B-108")).getByTestId("gate-play"));
    await answered("go", "B-108");
    await waitFor(async () => expect((await row("B-108")).dataset.status).toBe("playing"));
    await user.click(within(await row("B-108")).getByTestId("gate-pause"));
    await answered("out", "B-108");
    expect(sent(ipc).map(({ command }) => command.type)).toEqual(["session.play", "session.pause"]);
  });

  test("boards without a link, says where it is kept, and marks the row", async () => {
    const { user, ipc } = await openApp("/gate");
    await row("B-108");
    await act(async () => ipc.setLink({ link: "offline", offlineSince: null }));
    await type(user, "B-108");
    await answered("go", "GO30:00 leftB-108No link to the server. Saved on this desk, and sent by itself.");
    await waitFor(async () =>
      expect(within(await row("B-108")).getByText("not yet sent")).toBeInTheDocument(),
    );
    await act(async () => ipc.setLink({ link: "live" }));
    await waitFor(async () => expect(within(await row("B-108")).queryByText("not yet sent")).toBeNull());
  });

  test("a full venue can be overruled with a reason, under a new id", async () => {
    const ipc = aVenue();
    ipc.venue.settings.maxOccupancy = 1;
    const { user } = await openApp("/gate", ipc);
    await row("B-108");
    await type(user, "B-108");
    await answered("stop", "The park is full.");
    await user.click(screen.getByRole("button", { name: "Let in anyway" }));
    const sheet = await screen.findByRole("dialog", { name: "Let B-108 in anyway?" });
    await user.click(within(sheet).getByTestId("reason-yes"));
    expect(within(sheet).getByRole("alert")).toHaveTextContent("Write a reason.");
    await user.type(within(sheet).getByLabelText("Reason"), " A helper ");
    await user.click(within(sheet).getByTestId("reason-yes"));
    await answered("go", "30:00 left");
    const [first, second] = sent(ipc);
    expect(second).toEqual({ ...first, commandId: expect.any(String), force: { reason: "A helper" } });
    expect(second?.commandId).not.toBe(first?.commandId);
  });

  test("nothing else can be overruled", async () => {
    const { user } = await openApp("/gate");
    await row("B-108");
    await type(user, "B-777");
    await answered("stop", "This band has no time yet.");
    expect(screen.queryByTestId("gate-override")).toBeNull();
  });

  test.each([
    ["GO when it says yes", null, "go", "30:00 left"],
    ["STOP when it says no", { code: "venue_full", message: "", details: {} }, "stop", "The park is full."],
  ] as const)("asks the server where only it can say: %s", async (_, rejection, outcome, words) => {
    const { user, ipc } = await openApp("/gate");
    await row("B-108");
    ipc.holdAnswers("awaiting");
    if (rejection) ipc.refuseNext(rejection);
    const { settled } = ipc;
    let runOut: () => void = () => undefined;
    ipc.settled = async (commandId, timeoutMs) => {
      await new Promise<void>((resolve) => {
        runOut = resolve;
      });
      ipc.settled = settled;
      return settled(commandId, timeoutMs);
    };
    await type(user, "B-108");
    await answered("asking", "Asking the server…");
    await act(async () => runOut());
    await answered("asking", "The server has not answered. Wait before letting in.");
    await act(async () => ipc.holdAnswers(false));
    await answered(outcome, words);
  });

  test("a late word about one band does not speak over the next", async () => {
    const { user, ipc } = await openApp("/gate");
    await row("B-108");
    ipc.holdAnswers("awaiting");
    await type(user, "B-108");
    await answered("asking", "B-108");
    await type(user, "B-777");
    await answered("stop", "This band has no time yet.");
    await act(async () => ipc.holdAnswers(false));
    await answered("stop", "B-777");
  });

  test("what a scan asks for is a state, never a toggle", () => {
    const { sessions } = aVenue().venue;
    expect(verbForScan(sessions, "B-109")).toBe("session.pause");
    expect(verbForScan(sessions, "B-108")).toBe("session.play");
    expect(verbForScan(sessions, "B-000")).toBe("session.play");
  });

  test("an echo is the same band, at once", () => {
    const first = { barcodeId: "B-1", atMs: 1_000 };
    expect(isEcho(first, { barcodeId: "B-1", atMs: 2_499 })).toBe(true);
    expect(isEcho(first, { barcodeId: "B-1", atMs: 2_500 })).toBe(false);
    expect(isEcho(first, { barcodeId: "B-2", atMs: 1_001 })).toBe(false);
    expect(isEcho(null, first)).toBe(false);
  });
});
