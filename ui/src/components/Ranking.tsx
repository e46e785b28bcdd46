import "./ranking.css";

interface RankingProps {
  name: string;
  rows: readonly { label: string; value: number; text: string }[];
}

/** Named places, largest first, each with its whole name, its figure and a bar as long as its share of the largest. */
export function Ranking({ name, rows }: RankingProps) {
  const most = Math.max(...rows.map((row) => row.value), Number.MIN_VALUE);
  return (
    <ol className="ranking" aria-label={name}>
      {rows.map(({ label, value, text }) => (
        <li key={label}>
          <span className="ranking-label">{label}</span>
          <span className="ranking-text figure">{text}</span>
          <span className="ranking-bar" aria-hidden>
            <span style={{ width: `${(Math.max(0, value) / most) * 100}%` }} />
          </span>
        </li>
      ))}
    </ol>
  );
}
