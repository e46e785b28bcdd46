import { createFakeIpc, type FakeIpc } from "./fakeIpc";
import { busyVenue, emptyVenue } from "./seed";

/**
 * The little venue for `npm run dev`. The address chooses it: `?bands=300`, `?link=offline`, `?first` for the first run.
 */
export function createBrowserIpc(search: string): FakeIpc {
  const wish = new URLSearchParams(search);
  const now = Date.now();
  const bands = Number(wish.get("bands") ?? 48);
  const ipc = createFakeIpc({
    venue: bands === 0 ? emptyVenue(now) : busyVenue(now, bands),
    ...(wish.has("first") && { choice: { mode: "none", server: null, venueName: null } }),
  });
  if (wish.get("link") === "offline") {
    const since = new Date(now - 26 * 60_000).toISOString();
    ipc.setLink({ link: "offline", inSync: false, offlineSince: since, lastSyncAt: since });
  }
  setInterval(() => ipc.tick(), 1_000);
  return ipc;
}
