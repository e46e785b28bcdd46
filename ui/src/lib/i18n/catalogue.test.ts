import { expect, test } from "vitest";
import { sources } from "../../test/sources";
import { deskName } from "./deskName";
import { en } from "./en";
import { es } from "./es";
import { rejectionSentence } from "./rejection";
import { saidSentence } from "./said";
import { createI18n } from "./setup";

function flat(tree: object, prefix = ""): Map<string, string> {
  const entries = Object.entries(tree).flatMap(([name, value]): [string, string][] =>
    typeof value === "string" ? [[prefix + name, value]] : [...flat(value, `${prefix}${name}.`)],
  );
  return new Map(entries);
}

const english = flat(en);
const spanish = flat(es);
const slots = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((found) => found[1]).sort();

test("both languages have the same keys", () => {
  expect([...spanish.keys()]).toEqual([...english.keys()]);
});

test("every text says something and fills the same places in both languages", () => {
  for (const [key, text] of english) {
    expect(text.trim(), key).not.toBe("");
    expect(spanish.get(key)?.trim(), key).not.toBe("");
    expect(slots(spanish.get(key) ?? ""), key).toEqual(slots(text));
  }
});

/** Keys that the code builds from a value: their beginning, and every end that there is. */
const BUILT: Record<string, readonly string[]> = {
  "nav.": ["checkin", "gate", "monitor", "dashboard", "products", "settings", "sync", "attention"],
  "sync.": ["agreed", "unsent", "checking", "catchingUp", "connecting", "offline"],
  "stale.": ["connecting", "catchingUp"],
  "desk.": ["system", "light", "dark", "contrast"],
  "checkin.": ["refunded", "corrected"],
  "gate.": ["go", "stop", "out"],
  "firstrun.host": ["", "Help", "Go", "Missing"],
  "firstrun.connect": ["", "Help", "Go", "Missing"],
  "dashboard.": [
    "averageWait",
    "averagePlay",
    "averageSession",
    "occupancyRate",
    "totalPlay",
    "peak",
  ].flatMap((name) => [name, `${name}Help`]),
  "products.fault": ["Empty", "NotANumber", "Negative", "TooManyDecimals", "TooLarge"],
  "rejection.": Object.keys(en.rejection),
  "why.": Object.keys(en.why),
  "flag.": Object.keys(en.flag),
  "remark.": Object.keys(en.remark),
  "problem.": Object.keys(en.problem),
  "notice.": Object.keys(en.notice),
  "told.": Object.keys(en.told).filter((key) => key.includes("_") || key === "refund"),
  "attention.": ["redo", ...["unreadable", "unreadableHelp", "clockStep", "clockStepHelp", "serverClock"]],
  "attention.correct": ["", "Title", "Help"],
  "attention.dismiss": ["", "Title", "Help"],
  "link.": [
    ...["agreed", "unsent", "checking", "catchingUp", "connecting", "offline"],
    ...["stateHash", "fileChanged", "atStart"],
  ],
};

const named = sources(/\.tsx?$/)
  .filter(({ path }) => !/^(test|ipc\/fake)\//.test(path) && !path.includes(".test."))
  .flatMap(({ text }) =>
    [...text.matchAll(/(?<!type: )"((?:[a-z]+)\.[a-zA-Z_]+)"/g)].map((found) => found[1] ?? ""),
  )
  .filter((key) => (key.split(".")[0] ?? "") in en);
const used = new Set([
  ...named,
  ...Object.entries(BUILT).flatMap(([start, ends]) => ends.map((end) => start + end)),
]);

test("every key that the code uses exists", () => {
  expect(named.length).toBeGreaterThan(100);
  const missing = [...used].filter((key) => !english.has(key) && !english.has(`${key}_other`));
  expect(missing).toEqual([]);
});

test("no text stands there that nobody says", () => {
  const silent = [...english.keys()].filter((key) => !used.has(key.replace(/_(one|other)$/, "")));
  expect(silent).toEqual([]);
});

test("a rejection speaks the venue's words, and the server's where it has none", () => {
  const t = createI18n("es").t;
  expect(rejectionSentence(t, { code: "venue_full", message: "The venue is full (60 places)." })).toBe(
    es.rejection.venue_full,
  );
  expect(rejectionSentence(t, { code: "unheard_of", message: "The moon is full." })).toBe(
    "The moon is full.",
  );
  expect(rejectionSentence(t, { code: "unheard_of", message: "" })).toBe(es.rejection.unexpected);
});

test("what the core says is in the window's language, and as it came where there is no text for it", () => {
  const t = createI18n("es").t;
  const said = (code: string, params = {}) => ({ code, params, message: "The moon is full." });
  expect(saidSentence(t, "problem", said("no_answer"))).toBe(es.problem.no_answer);
  expect(saidSentence(t, "remark", said("desk_clock_back", { seconds: 3_660, when: "ayer" }))).toBe(
    "Se atrasó 1 h 1 min ayer. La hora del parque sigue igual.",
  );
  expect(saidSentence(t, "notice", said("cache_replaced", { file: "old.sqlite" }))).toMatch(
    /se guarda como old\.sqlite\.$/,
  );
  expect(saidSentence(t, "notice", said("unheard_of"))).toBe("The moon is full.");
});

test("a text for what the core says has places only for what comes with it", () => {
  const given = { problem: [], notice: ["file"], remark: ["time", "when", "desk"], rejection: [], why: [] };
  for (const [section, filled] of Object.entries(given)) {
    const asked = [...english]
      .filter(([key]) => key.startsWith(`${section}.`))
      .flatMap(([, text]) => slots(text));
    expect(asked.filter((slot) => !filled.some((name) => name === slot))).toEqual([]);
  }
});

test("a desk is called by a short label, the same on every desk", () => {
  const { t } = createI18n("en");
  const id = "0190f5fe-7a11-4000-8000-000000003f9a";
  expect(deskName(t, id, id)).toBe("this desk");
  expect(deskName(t, id, "another")).toBe("desk 3F9A");
  expect(deskName(t, null, id)).toBe("a desk");
});

test("the language chosen on this desk is remembered", async () => {
  await createI18n("en").changeLanguage("es");
  expect(createI18n().language).toBe("es");
  expect(document.documentElement.lang).toBe("es");
});
