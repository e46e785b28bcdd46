import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, test } from "vitest";
import { App } from "../../app/App";
import type { FakeIpc } from "../../ipc/fake/fakeIpc";
import { createI18n } from "../../lib/i18n/setup";
import { faultsOf } from "../../test/axe";
import { aVenue, stopClock } from "../../test/openApp";

beforeEach(stopClock);

async function firstRun(language: "en" | "es" = "en") {
  const ipc = aVenue(3, { choice: { mode: "none", server: null, venueName: null } });
  const { container } = render(<App ipc={ipc} i18n={createI18n(language)} />);
  await screen.findByTestId("firstrun-demo");
  return { ipc, container, user: userEvent.setup() };
}

const chosen = (ipc: FakeIpc) =>
  ipc.calls.filter((call) => call.name === "chooseVenue").map((call) => call.argument);

describe("the first run", () => {
  test("opens the demo", async () => {
    const { ipc, user } = await firstRun();
    await user.click(screen.getByTestId("firstrun-demo"));
    expect(await screen.findByTestId("band-input")).toBeInTheDocument();
    expect(chosen(ipc)).toEqual([{ mode: "demo" }]);
  });

  test("hosts a venue that has a name", async () => {
    const { ipc, user } = await firstRun();
    await user.click(screen.getByTestId("firstrun-host"));
    expect(await screen.findByText("Give the venue a name.")).toBeInTheDocument();
    await user.type(screen.getByLabelText("Name of the venue"), " Salto {Enter}");
    expect(await screen.findByTestId("band-input")).toBeInTheDocument();
    expect(chosen(ipc)).toEqual([{ mode: "host", venueName: "Salto" }]);
  });

  test("connects to an address, and says so when nobody answers there", async () => {
    const { ipc, user } = await firstRun();
    await user.click(screen.getByTestId("firstrun-connect"));
    expect(await screen.findByText("Enter the address of the server.")).toBeInTheDocument();
    await user.type(screen.getByLabelText("Address of the server"), "http://nowhere:8787");
    await user.click(screen.getByTestId("firstrun-connect"));
    expect(await screen.findByText(/No Gangway server answers there/)).toBeInTheDocument();
    expect(chosen(ipc)).toEqual([{ mode: "connect", server: "http://nowhere:8787" }]);
    expect(screen.getByLabelText("Address of the server")).toHaveValue("http://nowhere:8787");
  });

  test("asks the core once, however often it is pressed", async () => {
    const { ipc, user } = await firstRun();
    let open: () => void = () => undefined;
    const choose = ipc.chooseVenue;
    ipc.chooseVenue = async (wish) => {
      await new Promise<void>((resolve) => {
        open = resolve;
      });
      return choose(wish);
    };
    await user.dblClick(screen.getByTestId("firstrun-demo"));
    expect(screen.getByText("Setting up. This takes a few seconds.")).toBeInTheDocument();
    expect(screen.getByTestId("firstrun-host")).toBeDisabled();
    open();
    await screen.findByTestId("band-input");
    expect(chosen(ipc)).toHaveLength(1);
  });

  test("is skipped when this desk knows its venue", async () => {
    render(<App ipc={aVenue(3)} i18n={createI18n("en")} />);
    expect(await screen.findByTestId("band-input")).toBeInTheDocument();
    expect(screen.queryByTestId("firstrun-demo")).toBeNull();
  });

  test.each(["en", "es"] as const)("can be used by everybody in %s", async (language) => {
    const { container } = await firstRun(language);
    expect(await faultsOf(container)).toEqual([]);
  });
});
