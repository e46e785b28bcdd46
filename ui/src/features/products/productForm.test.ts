import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { busyVenue } from "../../ipc/fake/seed";
import { NOW } from "../../test/now";
import { changesOf, draftOf, fieldsOf, type ProductDraft, productSchema } from "./productForm";

const customs = { locale: "en", currency: "EUR", decimals: 2, timeZone: "UTC" };

const good: ProductDraft = {
  name: " 1 hour ",
  description: " ",
  price: "12,50",
  category: "Time",
  time: "60",
  required: false,
};

function faults(draft: Partial<ProductDraft>, decimals = 2): string[] {
  return (
    v.safeParse(productSchema(decimals), { ...good, ...draft }).issues?.map((issue) => issue.message) ?? []
  );
}

describe("a product's form", () => {
  test.each<[Partial<ProductDraft>, string[]]>([
    [{}, []],
    [{ time: "" }, []],
    [{ price: "0" }, []],
    [{ name: "  " }, ["products.faultName"]],
    [{ name: "x".repeat(121) }, ["products.faultName"]],
    [{ category: "" }, ["products.faultCategory"]],
    [{ description: "x".repeat(2_001) }, ["products.faultText"]],
    [{ price: "12.505" }, ["products.faultTooManyDecimals"]],
    [{ price: "" }, ["products.faultEmpty"]],
    [{ price: "-1" }, ["products.faultNegative"]],
    [{ price: "free" }, ["products.faultNotANumber"]],
    [{ price: "1000001" }, ["products.faultTooLarge"]],
    [{ time: "0" }, ["products.faultTime"]],
    [{ time: "24:01" }, ["products.faultTime"]],
    [{ time: "soon" }, ["products.faultTime"]],
  ])("%j: %j", (draft, expected) => {
    expect(faults(draft)).toEqual(expected);
  });

  test("a currency without decimals takes none", () => {
    expect(faults({ price: "1500" }, 0)).toEqual([]);
    expect(faults({ price: "1500.5" }, 0)).toEqual(["products.faultTooManyDecimals"]);
  });

  test("tells the venue clean fields with an exact price", () => {
    expect(fieldsOf(good, 2)).toEqual({
      name: "1 hour",
      description: null,
      price: 12.5,
      category: "Time",
      required: false,
      timeValueSeconds: 3600,
    });
  });

  test.each([
    ["en", "22.50"],
    ["es", "22,50"],
  ])("in %s a price is written to be edited as %s", (locale, price) => {
    const twoHours = busyVenue(NOW, 0).products[2] ?? null;
    expect(draftOf(twoHours, { ...customs, locale }).price).toBe(price);
  });

  test("an untouched product has no changes, a changed one only its own", () => {
    for (const product of busyVenue(NOW, 0).products) {
      const draft = draftOf(product, customs);
      expect(changesOf(product, fieldsOf(draft, 2))).toEqual({});
      expect(changesOf(product, fieldsOf({ ...draft, price: "99" }, 2))).toEqual({ price: 99 });
    }
  });
});
