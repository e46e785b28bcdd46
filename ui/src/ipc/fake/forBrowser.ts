import { createFakeIpc, type FakeIpc } from "./fakeIpc";
import { busyVenue, emptyVenue } from "./seed";

/**
 * The little venue for `npm run dev`. The address chooses it: `?bands=300`, `?link=offline`, `?first` for the first run,
 * `?taps=60` for other desks that tap so many times a second.
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
  const taps = Number(wish.get("taps") ?? 0);
  if (taps > 0) setInterval(() => tapSomewhere(ipc), 1_000 / taps);
  return ipc;
}

function tapSomewhere(ipc: FakeIpc): void {
  const { sessions } = ipc.venue;
  const session = sessions[Math.floor(Math.random() * sessions.length)];
  if (!session || session.status === "ended") return;
  const type = session.status === "playing" ? "session.pause" : "session.play";
  ipc.elsewhere({ type, barcodeId: session.barcodeId });
}
