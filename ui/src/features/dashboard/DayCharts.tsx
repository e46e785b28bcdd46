import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useCustoms } from "../../components/venueTime";
import type { DaySeries } from "../../ipc/bindings/DaySeries";
import type { TopProduct } from "../../ipc/bindings/TopProduct";
import { formatMinor, formatNumber, formatTime } from "../../lib/format";
import { majorToMinor } from "../../lib/money";
import { Series } from "./Series";

interface DayChartsProps {
  series: DaySeries;
  topProducts: readonly TopProduct[];
}

/** Money by hour, how full it was, and what was sold. */
export function DayCharts({ series, topProducts }: DayChartsProps) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const { decimals } = customs;
  const formats = useMemo(
    () => ({
      money: (value: number) => formatMinor(majorToMinor(value, decimals), customs),
      axisMoney: (value: number) => formatMinor(Math.round(value), { ...customs, decimals: 0 }),
      count: (value: number) => (Number.isInteger(value) ? formatNumber(value, customs) : ""),
    }),
    [customs, decimals],
  );
  const { revenueByHour, occupancyByQuarterHour } = series;
  const taken = revenueByHour.some((hour) => hour.revenue !== 0);
  const played = occupancyByQuarterHour.some((quarter) => quarter.peak > 0);
  return (
    <div className="day-charts">
      <Series
        title={t("dashboard.moneyByHour")}
        kind="bars"
        empty={taken ? null : t("dashboard.noSales")}
        heads={[t("dashboard.hour"), t("dashboard.money")]}
        rows={revenueByHour.map((hour) => [formatTime(hour.startsAt, customs), formats.money(hour.revenue)])}
        values={revenueByHour.map((hour) => hour.revenue)}
        format={formats.axisMoney}
      />
      <Series
        title={t("dashboard.occupancyByQuarter")}
        kind="steps"
        empty={played ? null : t("dashboard.nobody")}
        heads={[t("dashboard.time"), t("dashboard.most")]}
        rows={occupancyByQuarterHour.map((quarter) => [
          formatTime(quarter.startsAt, customs),
          formats.count(quarter.peak),
        ])}
        values={occupancyByQuarterHour.map((quarter) => quarter.peak)}
        format={formats.count}
      />
      <Series
        title={t("dashboard.products")}
        kind="ranking"
        empty={topProducts.length > 0 ? null : t("dashboard.noSales")}
        heads={[
          t("dashboard.product"),
          t("dashboard.money"),
          t("dashboard.quantity"),
          t("dashboard.category"),
        ]}
        rows={topProducts.map((product) => [
          product.name,
          formats.money(product.totalRevenue),
          formats.count(product.totalQuantity),
          product.category,
        ])}
        values={topProducts.map((product) => product.totalRevenue)}
        format={formats.axisMoney}
      />
    </div>
  );
}
