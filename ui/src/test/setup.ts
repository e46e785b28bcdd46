import "@testing-library/jest-dom/vitest";
import { cleanup, configure } from "@testing-library/react";
import { afterEach, vi } from "vitest";

// How long a busy machine may take to show something; a test never waits longer than it must.
configure({ asyncUtilTimeout: 10_000 });

// What jsdom has no layout, canvas or media for.
class StillObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
vi.stubGlobal("ResizeObserver", StillObserver);
vi.stubGlobal("matchMedia", (media: string) => ({
  media,
  matches: false,
  onchange: null,
  addEventListener() {},
  removeEventListener() {},
}));
for (const [name, size] of [
  ["offsetHeight", 800],
  ["offsetWidth", 1200],
  ["clientWidth", 1200],
  ["clientHeight", 800],
] as const) {
  Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => size });
}
HTMLCanvasElement.prototype.getContext = () => null;
vi.mock("uplot", () => ({
  default: class {
    static paths = {};
    destroy() {}
  },
}));

afterEach(() => {
  cleanup();
  // What was announced to screen readers lives outside the tree that cleanup takes away.
  for (const said of document.querySelectorAll("[data-live-announcer] [role='log']")) said.replaceChildren();
  localStorage.clear();
  window.location.hash = "";
  vi.useRealTimers();
});
