import {
  CircleCheck,
  Clock3,
  LoaderCircle,
  LogOut,
  type LucideIcon,
  OctagonX,
  ScanBarcode,
} from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Code } from "../../components/Code";
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
  saved: Clock3,
};

/** The answer to the last scan: one word that decides, to be read from an arm's length away. */
export function LastScan({ answer }: { answer: GateAnswer | null }) {
  const loud = useLoud(answer);
  return (
    <div
      className="last-scan"
      role="status"
      aria-atomic
      data-testid="gate-answer"
      data-outcome={answer?.outcome ?? "none"}
      data-band={answer?.band}
      data-loud={loud || undefined}
    >
      {answer ? <Said answer={answer} /> : <Ready />}
    </div>
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
  return (
    <>
      <Icon aria-hidden className={answer.outcome === "checking" ? "action-spin" : undefined} />
      <div className="last-scan-words">
        <p className="last-scan-line figure">
          {loudWord && <strong className="last-scan-word">{t(`gate.${answer.outcome}`)}</strong>}
          <span className="last-scan-why">{useReason(answer)}</span>
        </p>
        <p className="last-scan-band">
          <Code>{answer.band}</Code>
        </p>
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
    case "saved":
      return t("gate.sent");
    default: {
      if (answer.ended) return t("gate.gone");
      if (answer.remainingSeconds === null) return "";
      const time = clockFace(answer.remainingSeconds);
      return t(answer.outcome === "go" ? "gate.left" : "gate.kept", { time });
    }
  }
}
