import { expect, test } from "vitest";
import { sources } from "./sources";

const code = sources(/\.tsx?$/);
const styles = sources(/\.css$/);
const production = code.filter(({ path }) => !path.includes(".test.") && !path.startsWith("test/"));

function imports(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].flatMap((found) => found[1] ?? []);
}

test("only ipc imports the shell", () => {
  const guilty = code.filter(
    ({ path, text }) =>
      !path.startsWith("ipc/") && imports(text).some((name) => name.startsWith("@tauri-apps/")),
  );
  expect(guilty.map(({ path }) => path)).toEqual([]);
});

test("no feature imports another feature or the app", () => {
  const guilty = production.flatMap(({ path, text }) => {
    const own = /^features\/[^/]+/.exec(path)?.[0];
    if (!own) return [];
    return imports(text)
      .filter((name) => name.includes("/features/") || name.includes("/app/") || /^\.\.\/(?!\.\.)/.test(name))
      .map((name) => `${path} -> ${name}`);
  });
  expect(guilty).toEqual([]);
});

test("components and lib know neither the core nor the query cache", () => {
  const guilty = production.filter(
    ({ path, text }) =>
      /^(components|lib)\//.test(path) &&
      imports(text).some(
        (name) => name.includes("/ipc/") || name.includes("react-query") || name.includes("/app/"),
      ),
  );
  expect(guilty.map(({ path }) => path)).toEqual([]);
});

test("the fake venue is reached from development and tests only", () => {
  const guilty = production.filter(
    ({ path, text }) =>
      !path.startsWith("ipc/fake/") && imports(text).some((name) => name.includes("/fake/")),
  );
  expect(guilty.map(({ path }) => path)).toEqual(["main.tsx"]);
});

test("files stay short", () => {
  const limit = (path: string) => (path.endsWith(".tsx") && !path.includes(".test.") ? 150 : 250);
  const tooLong = code.filter(({ path, text }) => text.split("\n").length > limit(path) + 1);
  expect(tooLong.map(({ path }) => path)).toEqual([]);
});

test("colours and pixels are named in the tokens and nowhere else", () => {
  const guilty = styles
    .filter(({ path }) => path !== "theme/tokens.css")
    .filter(({ text }) => /#[0-9a-f]{3,8}\b|\brgba?\(|\b\d+px\b/i.test(text));
  expect(guilty.map(({ path }) => path)).toEqual([]);
});
