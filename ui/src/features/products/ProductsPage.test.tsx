import { act, screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, test } from "vitest";
import { aVenue, openApp, sent, stopClock } from "../../test/openApp";

beforeEach(stopClock);

async function openProduct(
  user: { click: (element: Element) => Promise<void> },
  name: string,
): Promise<void> {
  await user.click(await screen.findByRole("button", { name: new RegExp(`^${name}`) }));
  await screen.findByRole("heading", { name: `Change ${name}` });
}

describe("Products", () => {
  test("makes a new one, and it appears by itself", async () => {
    const { ipc, user } = await openApp("/products");
    await user.click(await screen.findByTestId("product-new"));
    await user.type(screen.getByLabelText("Name"), "Night pass");
    await user.type(screen.getByLabelText("Category"), "Time");
    await user.type(screen.getByLabelText("Price in EUR"), "17,5");
    await user.type(screen.getByLabelText("Time it adds"), "3:00");
    await user.click(screen.getByTestId("product-save"));
    expect(await screen.findByRole("button", { name: /^Night pass/ })).toHaveTextContent("3 h€17.50");
    expect(sent(ipc)[0]?.command).toEqual({
      type: "product.create",
      product: {
        name: "Night pass",
        description: null,
        price: 17.5,
        category: "Time",
        required: false,
        timeValueSeconds: 10_800,
      },
    });
  });

  test("refuses a third decimal with a sentence and sends nothing", async () => {
    const { ipc, user } = await openApp("/products");
    await openProduct(user, "1 hour");
    await user.clear(screen.getByLabelText("Price in EUR"));
    await user.type(screen.getByLabelText("Price in EUR"), "12.505");
    await user.click(screen.getByTestId("product-save"));
    expect(await screen.findByText("EUR has 2 decimals. Leave the others off.")).toBeInTheDocument();
    expect(screen.getByLabelText("Price in EUR")).toHaveAccessibleDescription(/2 decimals/);
    expect(sent(ipc)).toEqual([]);
  });

  test("sends only what was changed", async () => {
    const { ipc, user } = await openApp("/products");
    await openProduct(user, "1 hour");
    await user.clear(screen.getByLabelText("Price in EUR"));
    await user.type(screen.getByLabelText("Price in EUR"), "14");
    await user.click(screen.getByTestId("product-save"));
    await screen.findByText("Saved.");
    expect(sent(ipc)[0]?.command).toMatchObject({ type: "product.update", changes: { price: 14 } });
  });

  test("what another desk changes shows where nothing was typed, and typing stays", async () => {
    const { ipc, user } = await openApp("/products");
    await openProduct(user, "1 hour");
    await user.type(screen.getByLabelText("Name"), " long");
    const productId = ipc.venue.products.find((product) => product.name === "1 hour")?.id;
    await act(async () => ipc.elsewhere({ type: "product.update", productId, changes: { price: 15 } }));
    await waitFor(() => expect(screen.getByLabelText("Price in EUR")).toHaveValue("15.00"));
    expect(screen.getByLabelText("Name")).toHaveValue("1 hour long");
  });

  test("removes only after asking", async () => {
    const { ipc, user } = await openApp("/products");
    await openProduct(user, "Slush");
    await user.click(screen.getByTestId("product-remove"));
    await user.click(await screen.findByRole("button", { name: "Keep it" }));
    expect(sent(ipc)).toEqual([]);
    await user.click(screen.getByTestId("product-remove"));
    const question = await screen.findByRole("alertdialog", { name: "Remove Slush?" });
    await user.click(within(question).getByRole("button", { name: "Remove it" }));
    expect(await screen.findByText("Slush is no longer sold.")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: /^Slush/ })).toBeNull();
  });

  test("keeps what was typed when the venue says no, and says why", async () => {
    const { ipc, user } = await openApp("/products");
    await openProduct(user, "Slush");
    ipc.refuseNext({ code: "product_removed", message: "", details: {} });
    await user.type(screen.getByLabelText("Name"), " XL");
    await user.click(screen.getByTestId("product-save"));
    expect(await screen.findByRole("alert")).toHaveTextContent("This product has already been removed.");
    expect(screen.getByLabelText("Name")).toHaveValue("Slush XL");
  });

  test("changes without a link, and marks what is not sent", async () => {
    const { ipc, user } = await openApp("/products");
    await openProduct(user, "Slush");
    await act(async () => ipc.setLink({ link: "offline", offlineSince: null }));
    await user.type(screen.getByLabelText("Name"), " XL");
    await user.click(screen.getByTestId("product-save"));
    expect(await screen.findByText("Saved on this desk. It will be sent by itself.")).toBeInTheDocument();
    expect(screen.getByRole("button", { name: /^Slush XL/ })).toHaveTextContent("not yet sent");
  });

  test("says what to do while there are none", async () => {
    await openApp("/products", aVenue(0));
    expect(await screen.findByText("No products yet.")).toBeInTheDocument();
  });
});
