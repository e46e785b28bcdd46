import type { QueryKey } from "../types";
import { dashboardStats, daySeries, performanceMetrics } from "./figures";
import { liveSession, type Venue } from "./venue";

/** Marks a row that a command of this desk is still on top of. */
type Mark = <T extends { id: string }>(row: T) => T;

/** What a key of the venue holds. */
export function readVenue(venue: Venue, [name, id]: QueryKey, now: number, shown: Mark): unknown {
  switch (name) {
    case "activeSessions":
      return venue.sessions
        .filter((session) => session.status !== "ended" && session.totalAllowedSeconds > 0)
        .map(shown);
    case "playerSession": {
      const session = liveSession(venue, id ?? "") ?? venue.sessions.find((one) => one.id === id);
      return session ? shown(session) : null;
    }
    case "checkinHistory":
    case "transactions":
      return venue.transactions
        .filter((line) => id === undefined || line.playerSession.barcodeId === id)
        .map(shown);
    case "products":
      return venue.products.filter((product) => !product.isDeleted).map(shown);
    case "systemSettings":
      return shown(venue.settings);
    case "dashboardStats":
      return dashboardStats(venue);
    case "performanceMetrics":
      return performanceMetrics(venue);
    case "daySeries":
      return daySeries(venue, now);
    default:
      return [];
  }
}
