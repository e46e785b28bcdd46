import { act, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test } from "vitest";
import { troubled } from "../ipc/fake/trouble";
import { faultsOf } from "../test/axe";
import { aVenue, openApp, stopClock } from "../test/openApp";

beforeEach(stopClock);

const PATHS = [
  "/checkin",
  "/checkin?band=B-104",
  "/gate",
  "/monitor",
  "/monitor?card=B-105",
  "/dashboard",
  "/products",
  "/settings",
  "/sync",
  "/attention",
];
const both = PATHS.flatMap((path) => [
  ["en", path],
  ["es", path],
]) as ["en" | "es", string][];

test.each(both)("in %s, %s can be used by everybody", async (language, path) => {
  await openApp(path, troubled(aVenue()), language);
  await waitFor(() => expect(screen.queryByText(/^(Getting|Recibiendo) /)).toBeNull());
  expect(await faultsOf(document.body)).toEqual([]);
});

test.each(PATHS)("%s without a link and without anybody can be used too", async (path) => {
  const ipc = aVenue(0);
  await openApp(path, ipc);
  await act(async () => ipc.setLink({ link: "offline", offlineSince: "2026-11-21T13:02:00.000Z" }));
  expect(await faultsOf(document.body)).toEqual([]);
});
