import axe from "axe-core";

/** What axe finds wrong with the page; colours are checked on the tokens, where jsdom can see them. */
export async function faultsOf(container: Element): Promise<string[]> {
  // The names of 400 time zones say nothing about the page.
  const page = { include: [container], exclude: ["option"] };
  const { violations } = await axe.run(page, { rules: { "color-contrast": { enabled: false } } });
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`,
  );
}
