import { Label, Radio, RadioGroup } from "react-aria-components";
import "./pick.css";

interface PickProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; text: string; lang?: string; count?: number }[];
  onChange: (value: T) => void;
  labelHidden?: boolean;
}

/** One of a few, all in sight. */
export function Pick<T extends string>({ label, value, options, onChange, labelHidden }: PickProps<T>) {
  return (
    <RadioGroup
      className="pick"
      value={value}
      onChange={(next) => onChange(next as T)}
      orientation="horizontal"
    >
      <Label className={labelHidden ? "visually-hidden" : "label"}>{label}</Label>
      <div className="pick-options">
        {options.map((option) => (
          <Radio key={option.value} value={option.value} className="pick-option" lang={option.lang}>
            {option.text}
            {option.count !== undefined && <span className="pick-count figure">{option.count}</span>}
          </Radio>
        ))}
      </div>
    </RadioGroup>
  );
}
