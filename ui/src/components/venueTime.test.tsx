import { act, render } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { NOW } from "../test/now";
import { useVenueNow, useVenueNowWhen } from "./venueTime";

function Clock({ onDraw }: { onDraw: () => void }) {
  useVenueNow();
  onDraw();
  return null;
}

function List({ onDraw }: { onDraw: () => void }) {
  useVenueNowWhen((nowMs) => (nowMs < NOW + 5_000 ? "before" : "after"));
  onDraw();
  return null;
}

test("a second is drawn by whoever shows it, and by nobody else", () => {
  vi.useFakeTimers({ now: NOW });
  const [clock, list] = [vi.fn(), vi.fn()];
  render(
    <>
      <Clock onDraw={clock} />
      <List onDraw={list} />
    </>,
  );
  for (let second = 0; second < 4; second += 1) act(() => vi.advanceTimersByTime(1_000));
  expect(clock).toHaveBeenCalledTimes(5);
  expect(list).toHaveBeenCalledOnce();
  for (let second = 0; second < 4; second += 1) act(() => vi.advanceTimersByTime(1_000));
  expect(list).toHaveBeenCalledTimes(2);
});
