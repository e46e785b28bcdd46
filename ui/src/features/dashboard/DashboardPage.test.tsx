import { act, screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, test } from "vitest";
import { aVenue, openApp, stopClock } from "../../test/openApp";

beforeEach(stopClock);

describe("Dashboard", () => {
  test("shows today in four figures and how the day runs", async () => {
    await openApp("/dashboard");
    expect(await screen.findByText("Taken today")).toBeInTheDocument();
    expect(screen.getByText("Taken today").nextSibling).toHaveTextContent("€146.00");
    expect(screen.getByText("Lines sold").nextSibling).toHaveTextContent("24");
    expect(await screen.findByText("46.2%")).toBeInTheDocument();
    expect(screen.getByRole("heading", { name: "Today, Saturday, November 21" })).toBeInTheDocument();
  });

  test("holds the same figures in a table behind each chart", async () => {
    const { user } = await openApp("/dashboard");
    const charts = await screen.findAllByRole("img", { name: /^Chart: / });
    expect(charts).toHaveLength(2);
    const ranking = screen.getByRole("list", { name: "Products by money" });
    expect(within(ranking).getAllByRole("listitem")[0]).toHaveTextContent("30 minutes€64.00");
    for (const button of screen.getAllByRole("button", { name: "Table" })) await user.click(button);
    const [money, , products] = screen.getAllByRole("table");
    if (!money || !products) throw new Error("no tables");
    expect(within(money).getByRole("row", { name: "11:00 €96.70" })).toBeInTheDocument();
    expect(within(products).getByRole("row", { name: "30 minutes €64.00 8 Time" })).toBeInTheDocument();
    expect(screen.queryByRole("img", { name: /^Chart: / })).toBeNull();
    expect(screen.queryByRole("list", { name: "Products by money" })).toBeNull();
  });

  test("a sale at another desk shows by itself", async () => {
    const { ipc } = await openApp("/dashboard");
    await screen.findByText("Taken today");
    const products = [{ id: ipc.venue.products[1]?.id, quantity: 1 }];
    await act(async () => ipc.elsewhere({ type: "session.checkin", barcodeId: "B-999", products }));
    expect(screen.getByText("Taken today").nextSibling).toHaveTextContent("€159.00");
  });

  test("says so in words when there is nothing to draw", async () => {
    await openApp("/dashboard", aVenue(0));
    expect(await screen.findAllByText("No sales yet today.")).toHaveLength(2);
    expect(screen.getByText("Nobody has played yet today.")).toBeInTheDocument();
  });
});
