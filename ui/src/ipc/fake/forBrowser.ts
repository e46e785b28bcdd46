import type { SyncStatus } from "../types";
import { createFakeIpc, type FakeIpc } from "./fakeIpc";
import { busyVenue, emptyVenue } from "./seed";
import { troubled } from "./trouble";
import { inside } from "./venue";

/**
 * The little venue for `npm run dev`. The address chooses it: `?bands=300`, `?link=offline`, `?first` for the first run,
 * `?taps=60` for other desks that tap so many times a second, `?trouble` for something to say under Sync and Needs
 * attention, `?drain=5000` for a backlog that is being sent, `?full` for a venue without a free place.
 */
export function createBrowserIpc(search: string): FakeIpc {
  const wish = new URLSearchParams(search);
  const now = Date.now();
  const bands = Number(wish.get("bands") ?? 48);
  const ipc = createFakeIpc({
    venue: bands === 0 ? emptyVenue(now) : busyVenue(now, bands),
    ...(wish.has("first") && { choice: { mode: "none", server: null, venueName: null } }),
  });
  if (wish.has("full")) ipc.venue.settings.maxOccupancy = inside(ipc.venue);
  if (wish.has("trouble")) {
    troubled(ipc, now);
    ipc.setLink(TROUBLE);
  }
  const backlog = Number(wish.get("drain") ?? 0);
  if (backlog > 0) drain(ipc, backlog);
  if (wish.get("link") === "offline") {
    const since = new Date(now - 26 * 60_000).toISOString();
    ipc.setLink({ link: "offline", inSync: false, offlineSince: since, lastSyncAt: since });
  }
  setInterval(() => ipc.tick(), 1_000);
  const taps = Number(wish.get("taps") ?? 0);
  if (taps > 0) setInterval(() => tapSomewhere(ipc), 1_000 / taps);
  return ipc;
}

const TROUBLE: Partial<SyncStatus> = {
  clockOffsetMs: 3_720_000,
  places: { held: 6, spent: 2 },
  notices: [
    {
      code: "cache_replaced",
      params: { file: "cache.sqlite.broken-1" },
      message: "The local copy could not be used; it was kept as cache.sqlite.broken-1 and is rebuilt.",
    },
  ],
  differs: {
    found: "stateHash",
    foundAt: new Date(Date.now() - 3_600_000).toISOString(),
    repairedAt: new Date(Date.now() - 3_595_000).toISOString(),
    rows: [{ collection: "sessions", id: "session-7", fields: ["status"], kind: "changed" }],
  },
};

function drain(ipc: FakeIpc, total: number): void {
  let left = Math.round(total * 0.36);
  setInterval(() => {
    left = Math.max(0, left - 5);
    ipc.setLink({ drain: left > 0 ? { total, left } : null, pending: left });
  }, 1_000);
}

function tapSomewhere(ipc: FakeIpc): void {
  const { sessions } = ipc.venue;
  const session = sessions[Math.floor(Math.random() * sessions.length)];
  if (!session || session.status === "ended") return;
  const type = session.status === "playing" ? "session.pause" : "session.play";
  ipc.elsewhere({ type, barcodeId: session.barcodeId });
}
