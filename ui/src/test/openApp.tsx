import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { vi } from "vitest";
import { App } from "../app/App";
import { createFakeIpc, type FakeIpc, type FakeOptions } from "../ipc/fake/fakeIpc";
import { busyVenue, emptyVenue } from "../ipc/fake/seed";
import { createI18n, type Language } from "../lib/i18n/setup";
import { NOW } from "./now";

/** Stops the clock, not the timers. */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
}

/** A core with a venue of `bands` bands in all states. */
export function aVenue(bands = 12, options: Partial<FakeOptions> = {}): FakeIpc {
  const venue = bands === 0 ? emptyVenue(NOW) : busyVenue(NOW, bands);
  return createFakeIpc({ venue, now: () => Date.now(), ...options });
}

interface Opened {
  ipc: FakeIpc;
  user: ReturnType<typeof userEvent.setup>;
  container: HTMLElement;
}

/** Opens the window at `path`, as a person finds it once the first figures are there. */
export async function openApp(path: string, ipc = aVenue(), language: Language = "en"): Promise<Opened> {
  window.location.hash = `#${path}`;
  const { container } = render(<App ipc={ipc} i18n={createI18n(language)} />);
  await screen.findByText("Salto Park");
  return { ipc, user: userEvent.setup(), container };
}

/** Types as a wedge scanner does: all at once, then Enter. */
export function scan(code: string, target: Element = document.activeElement ?? document.body): void {
  act(() => {
    for (const key of [...code, "Enter"]) {
      target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    }
  });
}

interface Sent {
  command: Record<string, unknown>;
  commandId: string;
  force?: { reason: string };
}

/** Commands that the page sent, in order. */
export function sent(ipc: FakeIpc) {
  return ipc.calls.filter((call) => call.name === "execute").map((call) => call.argument as Sent);
}
