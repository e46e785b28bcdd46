import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { normaliseBarcode } from "../lib/barcode";
import { Action } from "./Action";
import { useScans } from "./scan";
import "./bandField.css";

interface BandFieldProps {
  hint: string;
  verb: string;
  testId: string;
  onBand: (code: string) => void;
  /** The scanner read something that can be no code. */
  onUnreadable: () => void;
}

/** Where a band's code is typed by hand. It hears the scanner too, wherever the focus is. */
export function BandField({ hint, verb, testId, onBand, onUnreadable }: BandFieldProps) {
  const { t } = useTranslation();
  const id = useId();
  const [text, setText] = useState("");
  const [wrong, setWrong] = useState(false);
  const take = (code: string | null) => {
    setWrong(code === null);
    if (code !== null) onBand(code);
  };
  useScans((code) => {
    take(code);
    if (code === null) onUnreadable();
  });
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    const code = normaliseBarcode(text);
    if (code !== null) setText("");
    take(code);
  };
  return (
    <form className="band-field" onSubmit={submit}>
      <label htmlFor={id} className="visually-hidden">
        {t("checkin.bandLabel")}
      </label>
      <input
        id={id}
        className="field-input"
        data-testid={testId}
        data-band-field
        aria-keyshortcuts="F2"
        aria-invalid={wrong || undefined}
        aria-describedby={wrong ? `${id}-note` : undefined}
        // biome-ignore lint/a11y/noAutofocus: whoever opens this view is about to scan or type a band.
        autoFocus
        autoComplete="off"
        spellCheck={false}
        placeholder={hint}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <Action type="submit">{verb}</Action>
      {wrong && (
        <p id={`${id}-note`} className="field-note" data-fault role="alert">
          {t("checkin.badBand")}
        </p>
      )}
    </form>
  );
}
