import * as v from "valibot";
import type { Product } from "../../ipc/bindings/Product";
import { durationText, parseDuration } from "../../lib/duration";
import { type Customs, editableMinor } from "../../lib/format";
import { majorToMinor, minorToMajor, parseMoney } from "../../lib/money";

/** What is typed, as typed. */
export interface ProductDraft {
  name: string;
  description: string;
  price: string;
  category: string;
  time: string;
  required: boolean;
}

/** What the venue is told. */
export type ProductFields = Pick<
  Product,
  "name" | "description" | "price" | "category" | "required" | "timeValueSeconds"
>;

const MAX_NAME = 120;
const MAX_TEXT = 2_000;
const MAX_TIME_SECONDS = 86_400;

/** The rules of the form; each fault is the key of a sentence. */
export function productSchema(decimals: number) {
  const named = (fault: string) =>
    v.pipe(v.string(), v.trim(), v.minLength(1, fault), v.maxLength(MAX_NAME, fault));
  return v.object({
    name: named("products.faultName"),
    description: v.pipe(v.string(), v.maxLength(MAX_TEXT, "products.faultText")),
    price: v.pipe(
      v.string(),
      v.rawCheck(({ dataset, addIssue }) => {
        if (!dataset.typed) return;
        const price = parseMoney(dataset.value, decimals);
        if (!price.ok)
          addIssue({ message: `products.fault${price.fault.replace(/^./, (c) => c.toUpperCase())}` });
      }),
    ),
    category: named("products.faultCategory"),
    time: v.pipe(v.string(), v.check(isTimeOrEmpty, "products.faultTime")),
    required: v.boolean(),
  });
}

function isTimeOrEmpty(text: string): boolean {
  if (text.trim() === "") return true;
  const seconds = parseDuration(text);
  return seconds !== null && seconds > 0 && seconds <= MAX_TIME_SECONDS;
}

export function draftOf(product: Product | null, customs: Customs): ProductDraft {
  if (!product) return { name: "", description: "", price: "", category: "", time: "", required: false };
  const { name, description, price, category, timeValueSeconds, required } = product;
  return {
    name,
    description: description ?? "",
    price: editableMinor(majorToMinor(price, customs.decimals), customs),
    category,
    time: timeValueSeconds === null ? "" : durationText(timeValueSeconds),
    required,
  };
}

/** A draft that passed the rules, as the venue's fields. */
export function fieldsOf(draft: ProductDraft, decimals: number): ProductFields {
  const price = parseMoney(draft.price, decimals);
  return {
    name: draft.name.trim(),
    description: draft.description.trim() || null,
    price: price.ok ? minorToMajor(price.minor, decimals) : 0,
    category: draft.category.trim(),
    required: draft.required,
    timeValueSeconds: draft.time.trim() === "" ? null : parseDuration(draft.time),
  };
}

/** Only what differs: another desk may be changing the rest. */
export function changesOf(product: Product, fields: ProductFields): Partial<ProductFields> {
  const changed = Object.entries(fields).filter(
    ([name, value]) => product[name as keyof ProductFields] !== value,
  );
  return Object.fromEntries(changed);
}
