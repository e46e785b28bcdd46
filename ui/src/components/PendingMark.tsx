import { CloudUpload } from "lucide-react";
import { useTranslation } from "react-i18next";
import "./pendingMark.css";

/**
 * Beside a row that the server does not have yet. It waits a moment before it shows itself, because with a link a
 * command is on its way for less than that.
 */
export function PendingMark({ of: row }: { of: { pending?: true } }) {
  const { t } = useTranslation();
  if (!row.pending) return null;
  return (
    <span className="pending-mark" data-testid="pending-mark">
      <CloudUpload aria-hidden />
      {t("state.pending")}
    </span>
  );
}
