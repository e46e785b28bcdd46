import { act, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, test } from "vitest";
import { anEntry } from "../../ipc/fake/outbox";
import { troubled } from "../../ipc/fake/trouble";
import type { AttentionEntry } from "../../ipc/types";
import { aVenue, openApp, stopClock } from "../../test/openApp";

beforeEach(stopClock);

const LONG = "HTTPS://B.EXAMPLE/W/7F3A91C0D25E4B68A1F09C3D7E5B2A64-0007-XL-GRP";

async function letters(): Promise<HTMLElement[]> {
  return screen.findAllByTestId("attention-entry");
}

async function opened(entry: Partial<AttentionEntry>, language: "en" | "es" = "en") {
  const ipc = aVenue();
  ipc.attention.push(anEntry(entry));
  const page = await openApp("/attention", ipc, language);
  const [letter] = await letters();
  if (!letter) throw new Error("no letter");
  return { ...page, letter };
}

const REFUSED: Partial<AttentionEntry> = {
  command: { type: "session.play", barcodeId: "B-108" },
  occurredAt: "2026-11-21T13:02:11.000Z",
  raisedAt: "2026-11-21T13:31:02.000Z",
  rejection: { code: "venue_full", message: "", details: {} },
  choices: ["redo", "dismiss"],
};

describe("Needs attention", () => {
  test("says so when nothing does", async () => {
    await openApp("/attention");
    expect(await screen.findByText("Nothing needs you.")).toBeInTheDocument();
  });

  test("tells what was tapped, by whom, what the server said and what it means", async () => {
    const { letter } = await opened(REFUSED);
    expect(letter).toHaveTextContent("Let B-108 in");
    expect(letter).toHaveTextContent(
      "Tapped at this desk at 14:02. The server refused it at 14:31: the park was full.",
    );
    expect(letter).toHaveTextContent("Cash is not affected.");
  });

  test("tells money and time of a sale at another desk, in Spanish", async () => {
    const ipc = troubled(aVenue());
    await openApp("/attention", ipc, "es");
    const sale = (await letters())[1];
    expect(sale).toHaveTextContent("Venta de 2 h y Grip socks a HTTPS://…007-XL-GRP");
    expect(sale).toHaveTextContent("Hecho en el puesto 3F9A a las 15:02.");
    expect(sale?.textContent).toMatch(
      /Se cobraron 28,50\s€ que no están en las cuentas. La pulsera no recibió 2 h./,
    );
    expect(sale).not.toHaveTextContent(LONG);
  });

  test.each<[string, Partial<AttentionEntry>, string]>([
    [
      "a price that changed",
      { flags: [{ flag: "priceChanged" }], money: -2 },
      "€2.00 less than today's price",
    ],
    ["a clock that can't be right", { flags: [{ flag: "timeClamped", byMs: 1 }] }, "counts it at 15:30"],
    ["a reason", { flags: [{ flag: "forced", reason: "A helper" }] }, "The reason given: A helper"],
    ["what it does not know", { flags: [{ flag: "moonPhase" }] }, "The server marked it: moonPhase."],
  ])("tells of a flag: %s", async (_, entry, words) => {
    const { letter } = await opened({
      kind: "flagged",
      command: { type: "session.play", barcodeId: "B-108" },
      effectiveAt: "2026-11-21T14:30:00.000Z",
      ...entry,
    });
    expect(letter).toHaveTextContent("The server took it");
    expect(letter).toHaveTextContent(words);
  });

  test("uses the server's sentence for a no that it does not know", async () => {
    const rejection = { code: "moon_full", message: "The moon is full.", details: {} };
    const { letter } = await opened({ ...REFUSED, rejection });
    expect(letter).toHaveTextContent("The server refused it at 14:31. The moon is full.");
  });

  test.each<[AttentionEntry["kind"], string]>([
    ["unreadable", "A saved command can't be read"],
    ["clockStep", "The clock of this desk was changed"],
  ])("tells what a desk noticed by itself: %s", async (kind, title) => {
    const { letter } = await opened({ kind, message: "1 h forward" });
    expect(within(letter).getByRole("heading", { name: title })).toBeInTheDocument();
    expect(letter).toHaveTextContent("1 h forward");
  });

  test.each<[string, Partial<AttentionEntry>, string, string]>([
    [
      "its own clock",
      { code: "desk_clock_ahead", params: { seconds: 3_600 } },
      "Ha cambiado el reloj en este puesto",
      "Se adelantó 1 h a las",
    ],
    [
      "the server's clock",
      { deviceId: null, code: "server_clock_back", params: { seconds: 90 } },
      "Ha cambiado el reloj del servidor",
      "Se atrasó 1 min 30 s a las",
    ],
  ])("tells in Spanish what was noticed by itself: %s", async (_, entry, title, words) => {
    const { letter } = await opened({ kind: "clockStep", message: "The clock was set.", ...entry }, "es");
    expect(within(letter).getByRole("heading", { name: title })).toBeInTheDocument();
    expect(letter).toHaveTextContent(words);
    expect(letter).not.toHaveTextContent("The clock was set.");
  });

  test("tries again at once, answers, and the letter leaves by the push", async () => {
    const { ipc, user, letter } = await opened(REFUSED);
    const { resolve } = ipc;
    let push: () => void = () => undefined;
    ipc.resolve = async (...asked) => {
      const entry = ipc.attention[0] ?? anEntry();
      push = () => void resolve(...asked);
      return { entry };
    };
    await user.click(within(letter).getByRole("button", { name: "Try again" }));
    expect(await screen.findByText(/^Sent again as of now./)).toBeInTheDocument();
    expect(screen.getByRole("heading", { name: "Needs attention" })).toHaveFocus();
    expect(letter).toBeInTheDocument();
    expect(within(letter).getByRole("button", { name: "Note and close" })).toBeDisabled();
    await act(async () => push());
    expect(screen.queryByTestId("attention-entry")).toBeNull();
    expect(ipc.venue.sessions.find(({ barcodeId }) => barcodeId === "B-108")?.status).toBe("playing");
  });

  test("notes and closes only with a reason, by keyboard alone", async () => {
    const { ipc, user, letter } = await opened(REFUSED);
    within(letter).getByRole("button", { name: "Note and close" }).focus();
    await user.keyboard("{Enter}");
    const sheet = await screen.findByRole("dialog", { name: "Note and close?" });
    expect(within(sheet).getByLabelText("Reason")).toHaveFocus();
    await user.keyboard("{Enter}");
    expect(within(sheet).getByRole("alert")).toHaveTextContent("Write a reason.");
    await user.type(within(sheet).getByLabelText("Reason"), "VIP"); // shorter than a scan
    await user.tab();
    await user.tab();
    expect(within(sheet).getByRole("button", { name: "Note and close" })).toHaveFocus();
    await user.keyboard("{Enter}");
    expect(await screen.findByText("Noted and closed.")).toBeInTheDocument();
    expect(ipc.calls.filter(({ name }) => name === "resolve").map(({ argument }) => argument)).toEqual([
      { entryId: letter.dataset.entryId, action: "dismiss", reason: "VIP" },
    ]);
    expect(await screen.findByText("Nothing needs you.")).toBeInTheDocument();
  });

  test("records as a correction what the desk took", async () => {
    const { ipc, user, letter } = await opened({ ...REFUSED, money: 13, choices: ["correct", "dismiss"] });
    await user.click(within(letter).getByRole("button", { name: "Record as a correction" }));
    const sheet = await screen.findByRole("dialog", { name: "Record €13.00 as a correction?" });
    await user.type(within(sheet).getByLabelText("Reason"), "Paid in cash");
    await user.click(within(sheet).getByRole("button", { name: "Record as a correction" }));
    expect(await screen.findByText("Recorded as a correction.")).toBeInTheDocument();
    expect(ipc.attention).toEqual([]);
  });

  test("says why when it could not be settled, and can be pressed again", async () => {
    const { ipc, user, letter } = await opened(REFUSED);
    ipc.resolve = () => Promise.reject({ code: "unknown_entry", message: "There is no entry with that id." });
    await user.click(within(letter).getByRole("button", { name: "Try again" }));
    expect(await within(letter).findByRole("alert")).toHaveTextContent("Somebody has settled this already.");
    expect(within(letter).getByRole("button", { name: "Try again" })).toBeEnabled();
  });

  test("shows the raw entry one tap further, with the whole code", async () => {
    const { user, letter } = await opened({ ...REFUSED, command: { type: "session.play", barcodeId: LONG } });
    await user.click(within(letter).getByText("Raw view"));
    expect(await within(letter).findByText(new RegExp(`"barcodeId": "${LONG}"`))).toBeVisible();
  });

  test("a thousand entries are shown a part at a time", async () => {
    const ipc = aVenue();
    for (let number = 0; number < 1_000; number += 1) ipc.attention.push(anEntry());
    await openApp("/attention", ipc);
    await waitFor(() => expect(screen.getAllByTestId("attention-entry")).toHaveLength(50));
    expect(screen.getByText("950 more wait behind these.")).toBeInTheDocument();
  });
});
