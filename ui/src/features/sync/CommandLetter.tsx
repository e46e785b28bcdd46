import { ChevronDown, CircleCheck, CloudUpload, type LucideIcon, OctagonX, Send } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useMoments } from "../../components/moments";
import { useCustoms } from "../../components/venueTime";
import type { ToldFate } from "../../ipc/types";
import { refusalSentence } from "../../lib/i18n/refusal";
import { type Names, told } from "../../lib/i18n/told";
import { FateLine } from "./FateLine";

const ICONS: Record<ToldFate["state"], LucideIcon> = {
  pending: CloudUpload,
  sent: Send,
  settled: CircleCheck,
  rejected: OctagonX,
};

/** An answer that took no longer came at once. */
const AT_ONCE_MS = 5_000;

/** What one tap did and what became of it; a press shows its way. */
export function CommandLetter({ told: fate, names }: { told: ToldFate; names: Names }) {
  const [isOpen, setOpen] = useState(false);
  const Icon = ICONS[fate.state];
  const { happened, became } = useSentences(fate, names);
  return (
    <details
      className="command-letter"
      data-testid="command"
      data-command-id={fate.commandId}
      data-state={fate.state}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <Icon aria-hidden />
        <span className="command-words">
          <strong>{happened}</strong> <span>{became}</span>
        </span>
        <ChevronDown className="chevron" aria-hidden />
      </summary>
      {isOpen && <FateLine told={fate} />}
    </details>
  );
}

function useSentences(fate: ToldFate, names: Names): { happened: string; became: string } {
  const { t } = useTranslation();
  const { locale } = useCustoms();
  const when = useMoments();
  const { command, tappedAt, settledAt, sentAt, state, rejection } = fate;
  const happened = t(fate.offline ? "told.offline" : "told.online", {
    what: told(t, command, names, locale),
    when: when(tappedAt),
  });
  if (state === "pending") return { happened, became: t("fate.waiting") };
  if (state === "sent") return { happened, became: t("fate.sent", { when: when(sentAt ?? tappedAt) }) };
  const answered = settledAt ?? tappedAt;
  if (state === "rejected") {
    const said = rejection ?? { code: "unexpected", message: "" };
    return { happened, became: refusalSentence(t, said, when(answered)) };
  }
  const isAtOnce = Date.parse(answered) - Date.parse(tappedAt) < AT_ONCE_MS;
  return { happened, became: isAtOnce ? t("fate.tookAtOnce") : t("fate.took", { when: when(answered) }) };
}
