import type { UseFormReturn } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { Choice, Field, Tick } from "../../components/Field";
import type { SettingsDraft } from "./settingsForm";

interface SectionProps {
  form: UseFormReturn<SettingsDraft>;
}

const ZONES = Intl.supportedValuesOf("timeZone");
const CURRENCIES = Intl.supportedValuesOf("currency");

function useFault({ form }: SectionProps) {
  const { t } = useTranslation();
  return (name: keyof SettingsDraft) => {
    const message = form.formState.errors[name]?.message;
    return message && t(message);
  };
}

/** Who and where the venue is. */
export function VenueSection({ form }: SectionProps) {
  const { t } = useTranslation();
  const fault = useFault({ form });
  const zone = form.watch("timezone");
  const zones = zone && !ZONES.includes(zone) ? [zone, ...ZONES] : ZONES;
  return (
    <section className="panel settings-section">
      <h2 className="heading">{t("settings.venue")}</h2>
      <Field label={t("settings.siteName")} fault={fault("siteName")} {...form.register("siteName")} />
      <Choice
        label={t("settings.timezone")}
        fault={fault("timezone")}
        options={zones.map((value) => ({ value, text: value.replaceAll("_", " ") }))}
        {...form.register("timezone")}
      />
      <Field
        label={t("settings.currency")}
        suggestions={CURRENCIES}
        fault={fault("currency")}
        {...form.register("currency")}
      />
      <Field
        label={t("settings.operationalDayStart")}
        help={t("settings.operationalDayStartHelp")}
        fault={fault("operationalDayStart")}
        {...form.register("operationalDayStart")}
      />
      <Field
        label={t("settings.logoUrl")}
        help={t("settings.logoUrlHelp")}
        inputMode="url"
        fault={fault("logoUrl")}
        {...form.register("logoUrl")}
      />
    </section>
  );
}

/** How many may be inside, and when a clock turns. */
export function PlacesSection({ form }: SectionProps) {
  const { t } = useTranslation();
  const fault = useFault({ form });
  return (
    <section className="panel settings-section">
      <h2 className="heading">{t("settings.places")}</h2>
      <Field
        label={t("settings.maxOccupancy")}
        inputMode="numeric"
        fault={fault("maxOccupancy")}
        {...form.register("maxOccupancy")}
      />
      <Field
        label={t("settings.lowFirst")}
        help={t("settings.lowHelp")}
        fault={fault("lowFirst")}
        {...form.register("lowFirst")}
      />
      <Field
        label={t("settings.lowSecond")}
        help={t("settings.lowHelp")}
        fault={fault("lowSecond")}
        {...form.register("lowSecond")}
      />
      <Field
        label={t("settings.autoRelease")}
        help={t("settings.autoReleaseHelp")}
        fault={fault("autoRelease")}
        {...form.register("autoRelease")}
      />
      <Choice
        label={t("settings.capacityPolicy")}
        options={[
          { value: "advisory", text: t("settings.advisory") },
          { value: "strict", text: t("settings.strict") },
        ]}
        {...form.register("capacityPolicy")}
      />
    </section>
  );
}

/** What holds when something is sold. */
export function DeskSection({ form }: SectionProps) {
  const { t } = useTranslation();
  const fault = useFault({ form });
  return (
    <section className="panel settings-section">
      <h2 className="heading">{t("settings.desk")}</h2>
      <Field
        label={t("settings.creditValidDays")}
        help={t("settings.creditValidDaysHelp")}
        inputMode="numeric"
        fault={fault("creditValidDays")}
        {...form.register("creditValidDays")}
      />
      <Tick label={t("settings.requiredProducts")} {...form.register("requiredProductsEnforced")} />
    </section>
  );
}
