import type { LucideIcon } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Field } from "../../components/Field";
import type { VenueWish } from "../../ipc/types";

interface WayFormProps {
  mode: "host" | "connect";
  icon: LucideIcon;
  label: string;
  help?: string;
  isRight: (text: string) => boolean;
  busy: VenueWish["mode"] | null;
  onGo: (text: string) => void;
}

/** A way to begin that needs one line typed first. */
export function WayForm({ mode, icon: Icon, label, help, isRight, busy, onGo }: WayFormProps) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [missing, setMissing] = useState(false);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const typed = text.trim();
    setMissing(!isRight(typed));
    if (isRight(typed)) onGo(typed);
  };
  return (
    <li className="panel firstrun-way">
      <Icon aria-hidden />
      <h2 className="heading">{t(`firstrun.${mode}`)}</h2>
      <p className="quiet">{t(`firstrun.${mode}Help`)}</p>
      <span className="spacer" />
      <form onSubmit={submit} noValidate>
        <Field
          label={label}
          help={help}
          fault={missing ? t(`firstrun.${mode}Missing`) : undefined}
          value={text}
          spellCheck={false}
          data-testid={`firstrun-${mode}-input`}
          onChange={(event) => setText(event.target.value)}
        />
        <Action
          size="large"
          type="submit"
          busy={busy === mode}
          isDisabled={busy !== null && busy !== mode}
          data-testid={`firstrun-${mode}`}
        >
          {t(`firstrun.${mode}Go`)}
        </Action>
      </form>
    </li>
  );
}
