import { act, screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, test } from "vitest";
import { openApp, sent, stopClock } from "../../test/openApp";

beforeEach(stopClock);

describe("Settings", () => {
  test("saves what was changed, and every view follows", async () => {
    const { ipc, user } = await openApp("/settings");
    await user.clear(await screen.findByLabelText("Places inside"));
    await user.type(screen.getByLabelText("Places inside"), "80");
    expect(screen.getByText("1 change not saved yet")).toBeInTheDocument();
    await user.click(screen.getByTestId("settings-save"));
    expect(await screen.findByText("Saved. Every desk has it now.")).toBeInTheDocument();
    expect(sent(ipc)[0]?.command).toEqual({ type: "settings.update", changes: { maxOccupancy: 80 } });
    expect(screen.getByTestId("occupancy")).toHaveTextContent("8 / 80 inside");
  });

  test("says what is wrong beside the field and sends nothing", async () => {
    const { ipc, user } = await openApp("/settings");
    await user.clear(await screen.findByLabelText("Red when less is left than"));
    await user.type(screen.getByLabelText("Red when less is left than"), "9");
    await user.click(screen.getByTestId("settings-save"));
    expect(await screen.findByRole("alert")).toHaveTextContent("The red limit must be below the amber one.");
    expect(sent(ipc)).toEqual([]);
  });

  test("another desk's change shows where nothing was typed, and typing stays", async () => {
    const { ipc, user } = await openApp("/settings");
    await user.type(await screen.findByLabelText("Name"), " Sur");
    await act(async () => ipc.elsewhere({ type: "settings.update", changes: { maxOccupancy: 99 } }));
    await waitFor(() => expect(screen.getByLabelText("Places inside")).toHaveValue("99"));
    expect(screen.getByLabelText("Name")).toHaveValue("Salto Park Sur");
  });

  test("puts everything back", async () => {
    const { user } = await openApp("/settings");
    await user.type(await screen.findByLabelText("Name"), " Sur");
    await user.click(screen.getByRole("button", { name: "Put back" }));
    expect(screen.getByLabelText("Name")).toHaveValue("Salto Park");
    expect(screen.getByText("Nothing changed")).toBeInTheDocument();
  });

  test("saves without a link on this desk, and says so", async () => {
    const { ipc, user } = await openApp("/settings");
    await user.type(await screen.findByLabelText("Name"), " Sur");
    await act(async () => ipc.setLink({ link: "offline", offlineSince: null }));
    await user.click(screen.getByTestId("settings-save"));
    expect(await screen.findByText("Saved on this desk. It will be sent by itself.")).toBeInTheDocument();
    expect(screen.getByLabelText("Name")).toHaveValue("Salto Park Sur");
    expect(screen.getByTestId("pending-mark")).toBeInTheDocument();
  });

  test("keeps what was typed when nothing could be saved", async () => {
    const { ipc, user } = await openApp("/settings");
    await user.type(await screen.findByLabelText("Name"), " Sur");
    ipc.execute = () => Promise.reject({ code: "disk", message: "The disk is full." });
    await user.click(screen.getByTestId("settings-save"));
    expect(await screen.findByRole("alert")).toHaveTextContent("This desk can't save anything.");
    expect(screen.getByLabelText("Name")).toHaveValue("Salto Park Sur");
  });
});
