import { valibotResolver } from "@hookform/resolvers/valibot";
import { useMemo, useState } from "react";
import { useForm } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Notice } from "../../components/Notice";
import { PendingMark } from "../../components/PendingMark";
import type { SystemSettings } from "../../ipc/bindings/SystemSettings";
import type { Shown } from "../../ipc/types";
import { type Outcome, useIntent } from "../../ipc/useIntent";
import { rejectionSentence } from "../../lib/i18n/rejection";
import { DeskSection, PlacesSection, VenueSection } from "./sections";
import { changesOf, draftOf, fieldsOf, type SettingsDraft, settingsSchema } from "./settingsForm";

/** A reset that also forgets what was typed. */
const CLEAN = { keepDirtyValues: false };

/** The settings with everything typed so far; what other desks save meanwhile shows where nothing was typed. */
export function SettingsForm({ settings }: { settings: Shown<SystemSettings> }) {
  const { t } = useTranslation();
  const { busy, send } = useIntent();
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const form = useForm<SettingsDraft>({
    values: useMemo(() => draftOf(settings), [settings]),
    resetOptions: { keepDirtyValues: true },
    resolver: valibotResolver(settingsSchema),
  });
  const changed = Object.keys(form.formState.dirtyFields).length;

  const save = form.handleSubmit(async (draft) => {
    const changes = changesOf(settings, fieldsOf(draft));
    if (Object.keys(changes).length === 0) {
      form.reset(draftOf(settings), CLEAN);
      return;
    }
    const next = await send({ type: "settings.update", changes }, { onLate: setOutcome });
    if (!next) return;
    setOutcome(next);
    if (next.kind !== "refused") form.reset(draft, CLEAN);
  });
  const putBack = () => {
    setOutcome(null);
    form.reset(draftOf(settings), CLEAN);
  };

  return (
    <form className="settings-form" onSubmit={save} noValidate>
      <h1 className="heading settings-title">
        {t("settings.title")} <PendingMark of={settings} />
      </h1>
      <div className="settings-sections">
        <VenueSection form={form} />
        <PlacesSection form={form} />
        <DeskSection form={form} />
      </div>
      <footer className="settings-foot panel">
        <div className="settings-said">
          {outcome && (changed === 0 || outcome.kind === "refused") ? (
            <Said outcome={outcome} />
          ) : (
            <p className="quiet">
              {changed === 0 ? t("settings.unchanged") : t("settings.changed", { count: changed })}
            </p>
          )}
        </div>
        <Action onPress={putBack} isDisabled={changed === 0}>
          {t("settings.reset")}
        </Action>
        <Action look="main" type="submit" busy={busy} isDisabled={changed === 0} data-testid="settings-save">
          {t("settings.save")}
        </Action>
      </footer>
    </form>
  );
}

function Said({ outcome }: { outcome: Outcome }) {
  const { t } = useTranslation();
  if (outcome.kind === "refused") {
    return (
      <Notice meaning="stop" urgent>
        {rejectionSentence(t, outcome.rejection)}
      </Notice>
    );
  }
  return <Notice meaning="done">{t(outcome.kind === "done" ? "settings.saved" : "settings.pending")}</Notice>;
}
