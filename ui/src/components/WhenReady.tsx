import { LoaderCircle } from "lucide-react";
import { useTranslation } from "react-i18next";
import { rejectionSentence } from "../lib/i18n/rejection";
import { Action } from "./Action";
import { Notice } from "./Notice";
import "./blank.css";

type Shown<T> =
  | { state: "loading"; data: undefined }
  | { state: "failed"; data: undefined; refusal: { code: string; message: string }; retry: () => void }
  | { state: "ready"; data: T };

/** A view of venue truth in whichever state it is: on its way, not readable, or there. */
export function WhenReady<T>({ of, children }: { of: Shown<T>; children: (data: T) => React.ReactNode }) {
  if (of.state === "ready") return children(of.data);
  return of.state === "failed" ? <Failed refusal={of.refusal} retry={of.retry} /> : <Loading />;
}

function Loading() {
  const { t } = useTranslation();
  return (
    <div className="blank" role="status">
      <LoaderCircle className="action-spin" aria-hidden />
      <p className="quiet">{t("state.loading")}</p>
    </div>
  );
}

function Failed({ refusal, retry }: { refusal: { code: string; message: string }; retry: () => void }) {
  const { t } = useTranslation();
  return (
    <Notice meaning="stop" urgent action={<Action onPress={retry}>{t("state.again")}</Action>}>
      <strong>{t("state.failed")}</strong> {rejectionSentence(t, refusal)}
    </Notice>
  );
}
