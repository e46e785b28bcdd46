/** What never gives way: bands of one batch differ at the end. */
const TAIL = 10;

/** A band's code. One that is too long for its place loses its middle, not its end. */
export function Code({ children: code, quiet }: { children: string; quiet?: boolean }) {
  const letters = Array.from(code);
  return (
    <span className={quiet ? "code quiet" : "code"} title={code}>
      <span>{letters.slice(0, -TAIL).join("")}</span>
      <span>{letters.slice(-TAIL).join("")}</span>
    </span>
  );
}
