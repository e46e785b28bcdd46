import { Check, ChevronDown } from "lucide-react";
import { type InputHTMLAttributes, useId } from "react";
import "./field.css";

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "id"> {
  label: string;
  help?: string | undefined;
  fault?: string | undefined;
  ref?: React.Ref<HTMLInputElement>;
  /** Offered while typing; any other text may be typed too. */
  suggestions?: readonly string[];
}

/** A line to type in, with its name above and what is wrong with it below. */
export function Field({ label, help, fault, suggestions, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        {...input}
        id={id}
        className="field-input"
        autoComplete="off"
        aria-invalid={fault ? true : undefined}
        aria-describedby={help || fault ? `${id}-note` : undefined}
        list={suggestions ? `${id}-list` : undefined}
      />
      {suggestions && (
        <datalist id={`${id}-list`}>
          {suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
      <FieldNote id={`${id}-note`} help={help} fault={fault} />
    </div>
  );
}

interface ChoiceProps extends Omit<React.SelectHTMLAttributes<HTMLSelectElement>, "id"> {
  label: string;
  help?: string | undefined;
  fault?: string | undefined;
  options: readonly { value: string; text: string }[];
  ref?: React.Ref<HTMLSelectElement>;
}

/** One of a list. The machine's own list, because it is quick by keyboard and by touch. */
export function Choice({ label, help, fault, options, ...select }: ChoiceProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="choice">
        <select
          {...select}
          id={id}
          className="field-input"
          aria-describedby={help || fault ? `${id}-note` : undefined}
        >
          {options.map(({ value, text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
        <ChevronDown aria-hidden />
      </div>
      <FieldNote id={`${id}-note`} help={help} fault={fault} />
    </div>
  );
}

interface TickProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "id" | "type"> {
  label: string;
  help?: string;
  ref?: React.Ref<HTMLInputElement>;
}

/** Yes or no. */
export function Tick({ label, help, ...input }: TickProps) {
  const id = useId();
  return (
    <div className="tick">
      <span className="tick-box">
        <input {...input} id={id} type="checkbox" aria-describedby={help ? `${id}-note` : undefined} />
        <Check aria-hidden />
      </span>
      <div>
        <label htmlFor={id}>{label}</label>
        <FieldNote id={`${id}-note`} help={help} fault={undefined} />
      </div>
    </div>
  );
}

function FieldNote({ id, help, fault }: { id: string; help: string | undefined; fault: string | undefined }) {
  if (!help && !fault) return null;
  return (
    <p
      id={id}
      className="field-note"
      data-fault={fault ? true : undefined}
      role={fault ? "alert" : undefined}
    >
      {fault ?? help}
    </p>
  );
}
