import { useTranslation } from "react-i18next";
import { useMoments } from "../../components/moments";
import { RawView } from "../../components/RawView";
import type { Difference } from "../../ipc/types";
import { type Said, saidSentence } from "../../lib/i18n/said";

interface PutRightProps {
  differs: Difference | null;
  notices: readonly Said[];
}

/** What was found wrong with what this desk keeps, and what was done about it. Nothing where nothing was. */
export function PutRight({ differs, notices }: PutRightProps) {
  const { t } = useTranslation();
  const when = useMoments();
  if (!differs && notices.length === 0) return null;
  return (
    <section className="sync-report panel">
      <h2 className="heading">{t("link.putRight")}</h2>
      {differs && (
        <>
          <p>
            {t("link.differs", { found: t(`link.${differs.found}`), when: when(differs.foundAt) })}{" "}
            {differs.repairedAt
              ? t("link.repaired", { when: when(differs.repairedAt) })
              : t("link.repairing")}
          </p>
          <RawView of={differs} />
        </>
      )}
      {notices.map((notice) => (
        <p key={notice.message}>{saidSentence(t, "notice", notice)}</p>
      ))}
    </section>
  );
}
