import { describe, expect, test } from "vitest";
import { sources } from "../test/sources";

const css = sources(/^theme\/tokens\.css$/)[0]?.text ?? "";

function tokensOf(theme: string): Map<string, string> {
  const tokens = new Map<string, string>();
  for (const [, selector = "", body = ""] of css.matchAll(/([^{}]+)\{([^{}]*)\}/g)) {
    const common = /:root(,|\s*$)/.test(selector.trim()) && !selector.includes("[data-theme=");
    if (!common && !selector.includes(`[data-theme="${theme}"]`)) continue;
    for (const [, name = "", value = ""] of body.matchAll(/(--[\w-]+):\s*([^;]+);/g))
      tokens.set(name, value.trim());
  }
  return tokens;
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(tokens: Map<string, string>, ink: string, ground: string): number {
  const colour = (name: string): string => {
    const value = tokens.get(name) ?? "";
    const alias = /^var\((--[\w-]+)\)$/.exec(value)?.[1];
    return alias ? colour(alias) : value;
  };
  const [light = 0, dark = 0] = [luminance(colour(ink)), luminance(colour(ground))].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const TEXT: [string, string][] = [
  ["--ink-quiet", "--surface"],
  ["--ink-quiet", "--canvas"],
  ["--ink-quiet", "--surface-press"],
  ["--ink-quiet", "--accent-soft"],
  ["--accent-ink", "--surface"],
  ["--accent-ink", "--accent-soft"],
  ["--on-accent", "--accent"],
  ["--on-accent", "--accent-hover"],
  ["--on-meaning", "--go"],
  ["--on-meaning", "--stop"],
  ["--on-meaning", "--out"],
  ["--low-ink", "--low-soft"],
];
const FIGURES: [string, string][] = [
  ["--ink", "--surface"],
  ["--ink", "--canvas"],
  ["--go-ink", "--surface"],
  ["--low-ink", "--low-soft"],
  ["--stop-ink", "--stop-soft"],
  ["--stop-ink", "--surface"],
];
const LINES: [string, string][] = [
  ["--border-strong", "--surface"],
  ["--focus", "--canvas"],
  ["--focus", "--surface"],
];

describe.each(["light", "dark", "contrast"])("in the %s theme", (theme) => {
  const tokens = tokensOf(theme);
  test.each(TEXT)("%s on %s can be read", (ink, ground) => {
    expect(contrast(tokens, ink, ground)).toBeGreaterThanOrEqual(4.5);
  });
  test.each(FIGURES)("figures in %s on %s can be read at a glance", (ink, ground) => {
    expect(contrast(tokens, ink, ground)).toBeGreaterThanOrEqual(7);
  });
  test.each(LINES)("%s on %s can be seen", (ink, ground) => {
    expect(contrast(tokens, ink, ground)).toBeGreaterThanOrEqual(3);
  });
});
