import { act, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { NOW } from "../../test/now";
import { aVenue, openApp, scan, sent, stopClock } from "../../test/openApp";

beforeEach(stopClock);

async function pick(name: string): Promise<HTMLElement> {
  const tiles = await screen.findAllByTestId("product-tile");
  const tile = tiles.find((candidate) => candidate.textContent?.startsWith(name));
  if (!tile) throw new Error(`no tile ${name}`);
  return tile;
}

describe("Check-in", () => {
  test("asks for a band and shouts nothing else", async () => {
    await openApp("/checkin");
    expect(screen.getByText("Scan a band")).toBeInTheDocument();
    expect(await screen.findByTestId("charge")).toHaveTextContent("Scan a band first");
    expect(screen.getByTestId("charge")).toBeDisabled();
  });

  test("sells to a band that was typed by hand: time, price, answer", async () => {
    const { ipc, user } = await openApp("/checkin");
    await user.type(screen.getByTestId("band-input"), " b-900 ");
    await user.click(screen.getByRole("button", { name: "Load" }));
    expect(await screen.findByText("This band has no time yet.")).toBeInTheDocument();
    await user.click(await pick("2 hours"));
    await user.click(screen.getByRole("button", { name: "Charge €25.00" }));
    const answer = await screen.findByTestId("checkin-answer");
    expect(answer).toHaveTextContent("2 h added");
    expect(answer).toHaveTextContent("B-900 has 2:00:00");
    expect(sent(ipc)[0]?.command).toMatchObject({
      type: "session.checkin",
      barcodeId: "B-900",
      products: [{ quantity: 1 }, { quantity: 1 }],
    });
    expect(screen.getByTestId("band-input")).toHaveFocus();
  });

  test("a scan loads the band wherever the focus is, with what it bought before", async () => {
    const { user } = await openApp("/checkin");
    await user.click(await pick("1 hour"));
    scan("B-104-X");
    scan("HTTPS://B.EXAMPLE/W/7F3A91C0D25E4B68A1F09C3D7E5B2A64-0007-XL-GRP");
    expect(await screen.findByRole("heading", { name: /^HTTPS:/ })).toBeInTheDocument();
    expect(await screen.findByText(/^Bought: 1 × 30 minutes, 1 × Grip socks/)).toBeInTheDocument();
  });

  test("undoes the sale, every line of it", async () => {
    const { ipc, user } = await openApp("/checkin?band=B-900");
    await user.click(await pick("1 hour"));
    await user.click(screen.getByTestId("charge"));
    await user.click(await screen.findByRole("button", { name: /^Undo/ }));
    expect(await screen.findByText("Sale undone")).toBeInTheDocument();
    const refunds = sent(ipc).filter(({ command }) => command.type === "transaction.correct");
    expect(refunds.map(({ command }) => command)).toEqual([
      { type: "transaction.correct", transactionId: expect.any(String), status: "refunded", reason: "undo" },
      { type: "transaction.correct", transactionId: expect.any(String), status: "refunded", reason: "undo" },
    ]);
    expect(ipc.venue.transactions.slice(0, 2).map((line) => line.status)).toEqual(["refunded", "refunded"]);
  });

  test("takes the undo away after ten seconds and leaves the answer", async () => {
    const { user } = await openApp("/checkin?band=B-900");
    await user.click(await pick("1 hour"));
    vi.useFakeTimers({ now: NOW, shouldAdvanceTime: true });
    await user.click(screen.getByTestId("charge"));
    await screen.findByRole("button", { name: /^Undo/ });
    await act(() => vi.advanceTimersByTimeAsync(10_000));
    expect(screen.queryByRole("button", { name: /^Undo/ })).toBeNull();
    expect(screen.getByTestId("checkin-answer")).toHaveTextContent("1 h added");
  });

  test("a double tap sells once", async () => {
    const { ipc, user } = await openApp("/checkin?band=B-900");
    await user.click(await pick("1 hour"));
    await user.dblClick(screen.getByTestId("charge"));
    await screen.findByTestId("checkin-answer");
    expect(sent(ipc)).toHaveLength(1);
  });

  test("keeps the receipt when nothing was sold, and says why", async () => {
    const ipc = aVenue();
    const { user } = await openApp("/checkin?band=B-900", ipc);
    await user.click(await pick("1 hour"));
    ipc.refuseNext({ code: "required_product_missing", message: "", details: {} });
    await user.click(screen.getByTestId("charge"));
    const answer = await screen.findByTestId("checkin-answer");
    expect(answer).toHaveTextContent("Not sold");
    expect(answer).toHaveTextContent("A required product is missing from this sale.");
    await user.click(within(answer).getByRole("button", { name: "Back to the receipt" }));
    expect(screen.getByRole("button", { name: "Charge €15.50" })).toBeInTheDocument();
  });

  test("sells without a link: says so, marks what is not sent, and the mark goes by itself", async () => {
    const ipc = aVenue();
    const { user } = await openApp("/checkin?band=B-108", ipc);
    await user.click(await pick("1 hour"));
    await act(async () => ipc.setLink({ link: "offline", offlineSince: null, lastSyncAt: null }));
    await user.click(screen.getByTestId("charge"));
    const answer = await screen.findByTestId("checkin-answer");
    expect(answer).toHaveAttribute("data-kind", "saved");
    expect(answer).toHaveTextContent("1 h added");
    expect(answer).toHaveTextContent("B-108 has 1:30:00");
    expect(answer).toHaveTextContent(
      "No link to the server. Your sale is saved on this desk and will be sent by itself.",
    );
    expect(screen.getAllByTestId("pending-mark")[0]).toHaveTextContent("not yet sent");
    await act(async () => ipc.setLink({ link: "live" }));
    expect(screen.queryAllByTestId("pending-mark")).toEqual([]);
    expect(await screen.findByTestId("checkin-answer")).toHaveAttribute("data-kind", "done");
  });

  test("a sale without a link can be undone, its lines only", async () => {
    const ipc = aVenue();
    const { user } = await openApp("/checkin?band=B-108", ipc);
    await user.click(await pick("1 hour"));
    await act(async () => ipc.setLink({ link: "offline", offlineSince: null }));
    await user.click(screen.getByTestId("charge"));
    await user.click(await screen.findByRole("button", { name: /^Undo/ }));
    expect(await screen.findByText("Sale undone")).toBeInTheDocument();
    const lines = ipc.venue.transactions.filter((line) => line.playerSession.barcodeId === "B-108");
    expect(lines.map((line) => [line.product.name, line.status])).toEqual([
      ["1 hour", "refunded"],
      ["30 minutes", "completed"],
      ["Grip socks", "completed"],
    ]);
  });

  test("a late answer does not push aside the receipt of the next guest", async () => {
    const ipc = aVenue();
    const { user } = await openApp("/checkin?band=B-900", ipc);
    await user.click(await pick("1 hour"));
    await act(async () => ipc.setLink({ link: "offline", offlineSince: null }));
    await user.click(screen.getByTestId("charge"));
    await screen.findByTestId("checkin-answer");
    scan("B-901-A");
    await user.click(await pick("1 hour"));
    await act(async () => ipc.setLink({ link: "live" }));
    expect(screen.queryByTestId("checkin-answer")).toBeNull();
    expect(screen.getByTestId("charge")).toHaveTextContent("Charge");
  });

  test("says that a sale is saved while the server is silent, and does not offer to charge again", async () => {
    const ipc = aVenue();
    ipc.holdAnswers(true);
    const { user } = await openApp("/checkin?band=B-900", ipc);
    await user.click(await pick("1 hour"));
    await user.click(screen.getByTestId("charge"));
    expect(
      await screen.findByText(/^The server has not answered yet. Your sale is saved/),
    ).toBeInTheDocument();
    expect(screen.queryByTestId("charge")).toBeNull();
  });

  test("another band's scan leaves an unfinished receipt where it can be found again", async () => {
    const { user } = await openApp("/checkin?band=B-900");
    await user.click(await pick("1 hour"));
    scan("B-901-A");
    expect(await screen.findByText("B-900 has an unfinished receipt.")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Bring back" }));
    await waitFor(() => expect(screen.getByTestId("charge")).toHaveTextContent("Charge €15.50"));
  });

  test("an unfinished receipt outlives a look at another view", async () => {
    const { user } = await openApp("/checkin?band=B-900");
    await user.click(await pick("1 hour"));
    await user.click(screen.getByTestId("nav-monitor"));
    await user.click(screen.getByTestId("nav-checkin"));
    await user.click(await screen.findByRole("button", { name: "Bring back" }));
    await waitFor(() => expect(screen.getByTestId("charge")).toHaveTextContent("Charge €15.50"));
  });

  test("after a charge there is nothing to press where the charge was", async () => {
    const { user } = await openApp("/checkin?band=B-900");
    await user.click(await pick("1 hour"));
    await user.click(screen.getByTestId("charge"));
    const answer = await screen.findByTestId("checkin-answer");
    const foot = within(answer).getByText("Ready for the next scan");
    expect(foot.parentElement?.lastElementChild).toBe(foot);
    expect(within(foot).queryByRole("button")).toBeNull();
  });

  test("keys charge and undo", async () => {
    const { ipc, user } = await openApp("/checkin?band=B-900");
    await user.click(await pick("1 hour"));
    await user.keyboard("{F9}");
    await screen.findByRole("button", { name: /^Undo/ });
    await user.keyboard("{F8}");
    expect(await screen.findByText("Sale undone")).toBeInTheDocument();
    expect(sent(ipc).map(({ command }) => command.type)).toEqual([
      "session.checkin",
      "transaction.correct",
      "transaction.correct",
    ]);
  });

  test("a scan that can be no code takes the last band away, and says so", async () => {
    await openApp("/checkin?band=B-104");
    expect(await screen.findByRole("heading", { name: "B-104" })).toBeInTheDocument();
    scan("X".repeat(65), document.body);
    expect(await screen.findByRole("alert")).toHaveTextContent("This is not a band's code.");
    expect(screen.queryByRole("heading", { name: "B-104" })).toBeNull();
  });

  test("the time beside what was bought is that of a sale that stands", async () => {
    const ipc = aVenue();
    const [half] = ipc.venue.products;
    await openApp("/checkin?band=B-108", ipc);
    const bought = (await screen.findByText(/^Bought: /)).textContent;
    const products = [{ id: half?.id, quantity: 1 }];
    await act(async () => ipc.elsewhere({ type: "session.checkin", barcodeId: "B-108", products }));
    const transactionId = ipc.venue.transactions[0]?.id;
    await act(async () => ipc.elsewhere({ type: "transaction.correct", transactionId }));
    expect(screen.getByText(/^Bought: /)).toHaveTextContent(bought ?? "");
  });

  test("the band changes by itself when another desk sells to it", async () => {
    const { ipc } = await openApp("/checkin?band=B-108");
    expect(await screen.findByText("30:00")).toBeInTheDocument();
    const [half] = ipc.venue.products;
    const products = [{ id: half?.id, quantity: 1 }];
    await act(async () => ipc.elsewhere({ type: "session.checkin", barcodeId: "B-108", products }));
    expect(screen.getByText("1:00:00")).toBeInTheDocument();
  });

  test("a code that can be none is refused with a sentence", async () => {
    const { user } = await openApp("/checkin");
    await user.type(screen.getByTestId("band-input"), "{Enter}");
    expect(await screen.findByRole("alert")).toHaveTextContent("This is not a band's code.");
  });
});
