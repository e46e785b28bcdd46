import type { DashboardStats } from "../bindings/DashboardStats";
import type { DaySeries } from "../bindings/DaySeries";
import type { PerformanceMetrics } from "../bindings/PerformanceMetrics";
import type { TopProduct } from "../bindings/TopProduct";
import { inside, type Venue } from "./venue";

/** Figures of the little venue, recounted at each asking. */
export function dashboardStats(venue: Venue): DashboardStats {
  const byProduct = new Map<string, TopProduct>();
  for (const line of venue.transactions) {
    const { id: productId, name, category } = line.product;
    const sum = byProduct.get(productId) ?? { productId, name, category, totalQuantity: 0, totalRevenue: 0 };
    sum.totalQuantity += line.quantity;
    sum.totalRevenue = Math.round((sum.totalRevenue + line.totalPrice) * 100) / 100;
    byProduct.set(productId, sum);
  }
  const todayRevenue =
    Math.round(venue.transactions.reduce((sum, line) => sum + line.totalPrice, 0) * 100) / 100;
  const topProducts = [...byProduct.values()].sort((a, b) => b.totalRevenue - a.totalRevenue).slice(0, 5);
  return {
    todayRevenue,
    currentRevenue: todayRevenue,
    topProducts,
    waitingCount: venue.sessions.filter((session) => session.status === "waiting").length,
    activePlayers: inside(venue),
    currentOccupancy: inside(venue),
    totalTransactions: venue.transactions.length,
    maxOccupancy: venue.settings.maxOccupancy,
  };
}

export function performanceMetrics(venue: Venue): PerformanceMetrics {
  const ended = venue.sessions.filter((session) => session.status === "ended");
  const played = venue.sessions.reduce((sum, session) => sum + session.accumulatedSeconds, 0);
  const mean = ended.length === 0 ? 0 : Math.floor(played / ended.length);
  return {
    averageWaitTime: venue.sessions.length === 0 ? 0 : 412,
    averagePlayTime: mean,
    totalCompletedSessions: ended.length,
    dailyOccupancyRate: venue.sessions.length === 0 ? 0 : 46.2,
    totalPlayTimeConsumed: played,
    peakOccupancy: inside(venue),
    averageSessionDuration: Math.round(mean * 1.3),
  };
}

/** A day with its lunch-time dip and its afternoon, up to `now`. */
export function daySeries(venue: Venue, now: number): DaySeries {
  const dayStart =
    now - (now % 86_400_000) + 7 * 3_600_000 - (now % 86_400_000 < 25_200_000 ? 86_400_000 : 0);
  const revenueByHour = [];
  const occupancyByQuarterHour = [];
  const busy = venue.transactions.length > 0;
  const shape = [0, 0, 0, 0.2, 0.5, 0.7, 0.6, 0.3, 0.5, 0.9, 1, 0.95, 0.7, 0.4, 0.1];
  for (let hour = 0; busy && hour < 24 && dayStart + hour * 3_600_000 <= now; hour += 1) {
    const share = shape[hour] ?? 0;
    revenueByHour.push({
      startsAt: new Date(dayStart + hour * 3_600_000).toISOString(),
      revenue: Math.round(share * 48_350) / 100,
    });
    for (let quarter = 0; quarter < 4; quarter += 1) {
      const at = dayStart + hour * 3_600_000 + quarter * 900_000;
      if (at > now) break;
      const next = shape[hour + 1] ?? 0;
      const peak = Math.round((share + ((next - share) * quarter) / 4) * venue.settings.maxOccupancy * 0.8);
      occupancyByQuarterHour.push({ startsAt: new Date(at).toISOString(), peak });
    }
  }
  const day = {
    dayStart: new Date(dayStart).toISOString(),
    dayEnd: new Date(dayStart + 86_400_000).toISOString(),
  };
  return { revenueByHour, occupancyByQuarterHour, ...day };
}
