import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { I18nextProvider } from "react-i18next";
import { expect, test, vi } from "vitest";
import { createI18n } from "../lib/i18n/setup";
import { ErrorBoundary } from "./ErrorBoundary";
import { Outside } from "./Outside";

function View({ fault }: { fault: { there: boolean } }) {
  if (fault.there) throw new Error("a view broke");
  return <p>the view</p>;
}

test("a view that broke says what is safe, and can be opened again", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const fault = { there: true };
  render(
    <I18nextProvider i18n={createI18n("en")}>
      <ErrorBoundary>
        <View fault={fault} />
      </ErrorBoundary>
    </I18nextProvider>,
  );
  expect(screen.getByRole("alert")).toHaveTextContent("Nothing that was sold or scanned is lost.");
  fault.there = false;
  await userEvent.click(screen.getByRole("button", { name: "Open the view again" }));
  expect(screen.getByText("the view")).toBeInTheDocument();
});

test("a browser is told where the window is", () => {
  render(<Outside i18n={createI18n("es")} />);
  expect(
    screen.getByText("Esta página es la ventana de Gangway. Abre el programa Gangway para usarla."),
  ).toBeVisible();
});
