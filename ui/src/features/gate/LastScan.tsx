import {
  CircleCheck,
  CloudUpload,
  LoaderCircle,
  LogOut,
  type LucideIcon,
  OctagonX,
  ScanBarcode,
  ShieldAlert,
} from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Code } from "../../components/Code";
import { ReasonSheet } from "../../components/ReasonSheet";
import { clockFace } from "../../lib/duration";
import { rejectionSentence } from "../../lib/i18n/rejection";
import type { GateAnswer } from "./commands";

/** How long an answer is loud. It stays readable until the next scan. */
const LOUD_MS = 4_000;

const ICONS: Record<GateAnswer["outcome"], LucideIcon> = {
  go: CircleCheck,
  stop: OctagonX,
  out: LogOut,
  checking: LoaderCircle,
  asking: LoaderCircle,
};

interface LastScanProps {
  answer: GateAnswer | null;
  onOverride: (band: string, reason: string) => void;
}

/** The answer to the last scan: one word that decides, to be read from an arm's length away. */
export function LastScan({ answer, onOverride }: LastScanProps) {
  const loud = useLoud(answer);
  return (
    <div
      className="last-scan"
      data-testid="gate-answer"
      data-outcome={answer?.outcome ?? "none"}
      data-band={answer?.band}
      data-saved={answer && "saved" in answer ? (answer.saved ?? undefined) : undefined}
      data-loud={loud || undefined}
    >
      <div className="last-scan-said" role="status" aria-atomic>
        {answer ? <Said answer={answer} /> : <Ready />}
      </div>
      {answer?.outcome === "stop" && answer.override && (
        <Override key={answer.at} band={answer.band} onOverride={onOverride} />
      )}
    </div>
  );
}

/** A person may know better than a rule; what they say for it goes with the command. */
function Override({ band, onOverride }: { band: string; onOverride: LastScanProps["onOverride"] }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const answered = (reason: string | null) => {
    setAsking(false);
    if (reason !== null) onOverride(band, reason);
  };
  return (
    <>
      <Action icon={ShieldAlert} data-testid="gate-override" onPress={() => setAsking(true)}>
        {t("gate.override")}
      </Action>
      <ReasonSheet
        open={asking}
        title={t("gate.overrideTitle", { code: band })}
        help={t("gate.overrideHelp")}
        yes={t("gate.override")}
        onAnswer={answered}
      />
    </>
  );
}

function useLoud(answer: GateAnswer | null): boolean {
  const [quiet, setQuiet] = useState<GateAnswer | null>(null);
  useEffect(() => {
    if (!answer) return;
    const timer = setTimeout(() => setQuiet(answer), LOUD_MS);
    return () => clearTimeout(timer);
  }, [answer]);
  return answer !== null && quiet !== answer;
}

function Ready() {
  const { t } = useTranslation();
  return (
    <>
      <ScanBarcode aria-hidden />
      <div className="last-scan-words">
        <p className="last-scan-ready">{t("gate.ready")}</p>
        <p className="quiet">{t("gate.readyHelp")}</p>
      </div>
    </>
  );
}

function Said({ answer }: { answer: GateAnswer }) {
  const { t } = useTranslation();
  const Icon = ICONS[answer.outcome];
  const loudWord = answer.outcome === "go" || answer.outcome === "stop" || answer.outcome === "out";
  const isBusy = answer.outcome === "checking" || (answer.outcome === "asking" && !answer.long);
  return (
    <>
      <Icon aria-hidden className={isBusy ? "action-spin" : undefined} />
      <div className="last-scan-words">
        <p className="last-scan-line figure">
          {loudWord && <strong className="last-scan-word">{t(`gate.${answer.outcome}`)}</strong>}
          <span className="last-scan-why">{useReason(answer)}</span>
        </p>
        <p className="last-scan-band">
          <Code>{answer.band}</Code>
        </p>
        {"saved" in answer && answer.saved && (
          <p className="last-scan-saved">
            <CloudUpload aria-hidden />
            {t(answer.saved === "offline" ? "gate.saved" : "gate.savedSilent")}
          </p>
        )}
      </div>
    </>
  );
}

function useReason(answer: GateAnswer): string {
  const { t } = useTranslation();
  switch (answer.outcome) {
    case "stop":
      return rejectionSentence(t, answer.rejection);
    case "checking":
      return t("gate.checking");
    case "asking":
      return t(answer.long ? "gate.askingLong" : "gate.asking");
    default: {
      if (answer.ended) return t("gate.gone");
      if (answer.remainingSeconds === null) return "";
      const time = clockFace(answer.remainingSeconds);
      return t(answer.outcome === "go" ? "gate.left" : "gate.kept", { time });
    }
  }
}
