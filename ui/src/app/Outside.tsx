import type { i18n } from "i18next";
import "./app.css";

/** What a browser shows: the page is nothing without the program around it. */
export function Outside({ i18n }: { i18n: i18n }) {
  return (
    <main className="alone">
      <p className="heading">{i18n.t("state.outside")}</p>
    </main>
  );
}
