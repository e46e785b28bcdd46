import { ChevronDown } from "lucide-react";
import { useTranslation } from "react-i18next";
import { PendingMark } from "../../components/PendingMark";
import { useCustoms } from "../../components/venueTime";
import type { TransactionWithRelations } from "../../ipc/bindings/TransactionWithRelations";
import type { Shown } from "../../ipc/types";
import { formatMinor, formatTime } from "../../lib/format";
import { majorToMinor } from "../../lib/money";

/** What the band bought before, in one line; all of it one press further. */
export function BandHistory({ lines }: { lines: readonly Shown<TransactionWithRelations>[] }) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const standing = lines.filter((line) => line.status !== "refunded").slice(0, 4);
  const latest = standing[0] ?? lines[0];
  if (!latest) return <p className="quiet">{t("checkin.boughtNothing")}</p>;
  const summary = standing.map((line) => `${line.quantity} × ${line.product.name}`).join(", ");
  return (
    <details className="band-history">
      <summary>
        <span className="band-history-line">
          {t("checkin.bought")}: {summary || t("checkin.refunded")} · {formatTime(latest.createdAt, customs)}
        </span>
        <ChevronDown className="chevron" aria-label={t("checkin.history")} role="img" />
      </summary>
      <ul>
        {lines.map((line) => (
          <HistoryLine key={line.id} line={line} />
        ))}
      </ul>
    </details>
  );
}

function HistoryLine({ line }: { line: Shown<TransactionWithRelations> }) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const { decimals } = customs;
  return (
    <li className="figure">
      <span className="quiet">{formatTime(line.createdAt, customs)}</span>
      <span className="band-history-line">
        {t("checkin.historyQuantity", { quantity: line.originalQuantity, name: line.product.name })}
        {line.status !== "completed" && <em> · {t(`checkin.${line.status}`)}</em>}
      </span>
      <PendingMark of={line} />
      <span>{formatMinor(majorToMinor(line.originalTotalPrice, decimals), customs)}</span>
    </li>
  );
}
