import { expect, test } from "vitest";
import { sources } from "../../test/sources";
import { en } from "./en";
import { es } from "./es";
import { rejectionSentence } from "./rejection";
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

test("every key that the code names exists", () => {
  const known = (key: string) => english.has(key) || english.has(`${key}_other`);
  const named = sources(/\.tsx?$/)
    .filter(({ path }) => !/^(test|ipc\/fake)\//.test(path) && !path.includes(".test."))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/(?<!type: )"((?:[a-z]+)\.[a-zA-Z_]+)"/g)].map((found) => ({
        path,
        key: found[1] ?? "",
      })),
    )
    .filter(({ key }) => (key.split(".")[0] as string) in en);
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(({ key }) => !known(key))).toEqual([]);
});

test("every key that the code builds from a value exists", () => {
  const built = {
    "sync.": ["agreed", "checking", "catchingUp", "connecting", "offline"],
    "stale.": ["connecting", "catchingUp"],
    "gate.": ["go", "stop", "out"],
    "nav.": ["checkin", "gate", "monitor", "dashboard", "products", "settings"],
    "desk.": ["system", "light", "dark", "contrast"],
    "products.fault": [
      "Empty",
      "NotANumber",
      "Negative",
      "TooManyDecimals_one",
      "TooManyDecimals_other",
      "TooLarge",
    ],
  };
  for (const [prefix, ends] of Object.entries(built)) {
    for (const end of ends) expect(english.has(prefix + end), prefix + end).toBe(true);
  }
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

test("the language chosen on this desk is remembered", async () => {
  await createI18n("en").changeLanguage("es");
  expect(createI18n().language).toBe("es");
  expect(document.documentElement.lang).toBe("es");
});
