import { ChartColumn, Table } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Blank } from "../../components/Blank";
import { Chart } from "../../components/Chart";
import { Ranking } from "../../components/Ranking";

interface SeriesProps {
  title: string;
  kind: "bars" | "steps" | "ranking";
  /** What to say instead when there is nothing to draw. */
  empty: string | null;
  /** The first column names the places of the chart. */
  heads: readonly string[];
  rows: readonly (readonly string[])[];
  values: readonly number[];
  format: (value: number) => string;
}

/** A chart, and one press behind it the same figures as a table. */
export function Series({ title, kind, empty, heads, rows, values, format }: SeriesProps) {
  const { t } = useTranslation();
  const [asTable, setAsTable] = useState(false);
  const drawn = useSameWhileEqual({ labels: rows.map((row) => row[0] ?? ""), values });
  return (
    <section className="panel series">
      <header className="series-head">
        <h2 className="heading">{title}</h2>
        {empty === null && (
          <Action look="quiet" icon={asTable ? ChartColumn : Table} onPress={() => setAsTable(!asTable)}>
            {t(asTable ? "dashboard.showChart" : "dashboard.showTable")}
          </Action>
        )}
      </header>
      {empty !== null && <Blank title={empty} />}
      {empty === null && asTable && <SeriesTable title={title} heads={heads} rows={rows} />}
      {empty === null && !asTable && kind === "ranking" && (
        <Ranking
          name={title}
          rows={rows.map(([label = "", text = ""], index) => ({ label, text, value: values[index] ?? 0 }))}
        />
      )}
      {empty === null && !asTable && kind !== "ranking" && (
        <Chart name={t("dashboard.chartOf", { title })} kind={kind} format={format} {...drawn} />
      )}
    </section>
  );
}

/** A push that changed none of these figures must not draw the chart anew. */
function useSameWhileEqual<T>(value: T): T {
  const written = JSON.stringify(value);
  return useMemo(() => JSON.parse(written) as T, [written]);
}

function SeriesTable({ title, heads, rows }: Pick<SeriesProps, "title" | "heads" | "rows">) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section className="series-table" tabIndex={0} aria-label={title}>
      <table className="figure">
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([first, ...rest]) => (
            <tr key={first}>
              <th scope="row">{first}</th>
              {rest.map((cell, index) => (
                <td key={heads[index + 1]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
