import { useId } from "react";
import "./progress.css";

/** How far something is that ends, in words and as a bar. */
export function Progress({ words, value, max }: { words: string; value: number; max: number }) {
  const id = useId();
  return (
    <div className="progress" data-testid="progress">
      <span id={id} className="figure">
        {words}
      </span>
      <progress aria-labelledby={id} value={value} max={Math.max(1, max)} />
    </div>
  );
}
