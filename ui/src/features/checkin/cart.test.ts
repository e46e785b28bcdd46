import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { busyVenue } from "../../ipc/fake/seed";
import { NOW } from "../../test/now";
import {
  byFavour,
  type CartAction,
  cart,
  type Line,
  linesOf,
  MAX_LINES,
  MAX_QUANTITY,
  parkedBeside,
  preselect,
  priced,
  type Receipts,
} from "./cart";

const { products, transactions, sessions } = busyVenue(NOW, 3);
const socks = products.find((product) => product.required);
const set = (band: string, lines: readonly Line[], productId: string, quantity: number): CartAction => ({
  type: "set",
  band,
  lines,
  productId,
  quantity,
});

describe("the receipt", () => {
  test("keeps within the venue's bounds, whatever is tapped", () => {
    const taps = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: -5, max: 2_000 })));
    fc.assert(
      fc.property(taps, (all) => {
        let receipts: Receipts = {};
        for (const [product, quantity] of all) {
          receipts = cart(receipts, set("B-1", linesOf(receipts, "B-1", []), `p${product}`, quantity));
        }
        const lines = linesOf(receipts, "B-1", []);
        expect(lines.length).toBeLessThanOrEqual(MAX_LINES);
        expect(new Set(lines.map((line) => line.productId)).size).toBe(lines.length);
        for (const { quantity } of lines) {
          expect(quantity).toBeGreaterThanOrEqual(1);
          expect(quantity).toBeLessThanOrEqual(MAX_QUANTITY);
        }
      }),
    );
  });

  test("what was picked before the scan goes to the band that is scanned, with what is required", () => {
    const begun = cart({}, set("", [], "p1", 2));
    const required = [{ productId: "socks", quantity: 1 }];
    expect(linesOf(begun, "", required)).toEqual([{ productId: "p1", quantity: 2 }]);
    expect(linesOf(begun, "B-1", required)).toEqual([{ productId: "p1", quantity: 2 }, ...required]);
  });

  test("one band's receipt never shows at another", () => {
    const begun = cart({}, set("B-1", [], "p1", 2));
    expect(linesOf(begun, "B-2", [])).toEqual([]);
    expect(linesOf(cart(begun, { type: "clear", band: "B-2" }), "B-1", [])).toHaveLength(1);
    expect(linesOf(cart(begun, { type: "clear", band: "B-1" }), "B-1", [])).toEqual([]);
  });

  test("a required product that was taken out stays out", () => {
    const lines = linesOf({}, "B-1", [{ productId: "socks", quantity: 1 }]);
    const without = cart({}, set("B-1", lines, "socks", 0));
    expect(linesOf(without, "B-1", [{ productId: "socks", quantity: 1 }])).toEqual([]);
  });

  test("an unfinished receipt of another band is found, an emptied one is none", () => {
    const emptied = cart({}, set("B-2", [{ productId: "socks", quantity: 1 }], "socks", 0));
    expect(parkedBeside(emptied, "B-1")).toBeNull();
    const begun = cart(emptied, set("B-3", [], "socks", 1));
    expect(parkedBeside(begun, "B-1")).toBe("B-3");
    expect(parkedBeside(begun, "B-3")).toBeNull();
  });

  test("a required product is preselected unless this visit has it", () => {
    const visit = sessions[0]?.id ?? "";
    const line = { productId: socks?.id, quantity: 1 };
    expect(preselect(products, [], null)).toEqual([line]);
    expect(preselect(products, transactions, visit)).toEqual([]);
    expect(preselect(products, transactions, "an earlier visit")).toEqual([line]);
    const refunded = transactions.map((sale) => ({ ...sale, status: "refunded" as const }));
    expect(preselect(products, refunded, visit)).toEqual([line]);
  });

  test("is priced exactly, and forgets what is no longer sold", () => {
    const [half] = products;
    const lines = [
      { productId: half?.id ?? "", quantity: 3 },
      { productId: socks?.id ?? "", quantity: 3 },
      { productId: "gone", quantity: 1 },
    ];
    expect(priced(lines, products, 2)).toMatchObject({ totalMinor: 3150, seconds: 5400, lines: [{}, {}] });
  });

  test("tiles stand in an order that holds: time first, shorter before longer, then by name", () => {
    const names = [...products].sort(byFavour).map((product) => product.name);
    expect(names).toEqual([
      "30 minutes",
      "1 hour",
      "2 hours",
      "All day",
      "Grip socks",
      "Locker",
      "Slush",
      "Water",
    ]);
  });
});
