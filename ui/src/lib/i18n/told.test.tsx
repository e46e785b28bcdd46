import fc from "fast-check";
import { expect, test } from "vitest";
import { createI18n, type Language } from "./setup";
import { type Names, told } from "./told";

const PRODUCTS: Record<string, { name: string; timeValueSeconds: number | null }> = {
  hour: { name: "1 hour", timeValueSeconds: 3_600 },
  socks: { name: "Grip socks", timeValueSeconds: null },
  water: { name: "Water", timeValueSeconds: null },
};
const NAMES: Names = {
  product: (id) => (typeof id === "string" ? PRODUCTS[id] : undefined),
  line: (id) =>
    id === "line-1"
      ? { quantity: 2, product: { name: "Water" }, playerSession: { barcodeId: "B-104" } }
      : undefined,
};
const one = (id: string, quantity = 1) => ({ id, quantity });
const checkin = (...products: object[]) => ({ type: "session.checkin", barcodeId: "B-104", products });
const sale = (...barcodeIds: string[]) => ({
  type: "sale.create",
  lines: barcodeIds.map((barcodeId) => ({ barcodeId, productId: "hour", quantity: 1 })),
});
const fields = { transactionId: "line-1", reason: "undo" };

test.each<[string, string, Parameters<typeof told>[1]]>([
  ["Sold 2 h to B-104", "Venta de 2 h a B-104", checkin(one("hour", 2))],
  [
    "Sold 1 h, Grip socks, and 3 × Water to B-104",
    "Venta de 1 h, Grip socks y 3 × Water a B-104",
    checkin(one("socks"), one("hour"), one("water", 3)),
  ],
  ["Sold something to B-104", "Venta de algo a B-104", checkin(one("gone"))],
  ["Sold 2 h to 2 bands", "Venta de 2 h a 2 pulseras", sale("B-1", "B-2")],
  ["Sold 2 h to B-1", "Venta de 2 h a B-1", sale("B-1", "B-1")],
  ["Let B-104 in", "Entrada de B-104", { type: "session.play", barcodeId: "B-104" }],
  [
    "Let 12345678…5678901234 in",
    "Entrada de 12345678…5678901234",
    { type: "session.play", barcodeId: "1234567890123456789012345678901234" },
  ],
  ["Let a band in", "Entrada de una pulsera", { type: "session.play" }],
  [
    "Gave back 2 × Water of B-104",
    "Devolución de 2 × Water de B-104",
    { type: "transaction.correct", status: "refunded", ...fields },
  ],
  [
    "Corrected a sale of B-104",
    "Corrección de una venta de B-104",
    { type: "transaction.correct", quantity: 1, ...fields },
  ],
  [
    "Changed the product Water",
    "Cambio en el producto Water",
    { type: "product.update", productId: "water" },
  ],
  [
    "Created the product Tea",
    "Producto nuevo: Tea",
    { type: "product.create", product: { name: "Tea", price: 2 } },
  ],
  ["Wrote off the places of a desk", "Plazas dadas de baja en un puesto", { type: "place.writeOff" }],
  [
    "Wrote off the places of desk 3F9A",
    "Plazas dadas de baja en el puesto 3F9A",
    { type: "place.writeOff", lostDeviceId: "0190f5fe-7a11-4000-8000-000000003f9a" },
  ],
  ["Sent something to the server", "Envío al servidor", { type: "moon.landing" }],
  ["Sent something to the server", "Envío al servidor", { type: [{ toString: 0 }] }],
  [
    "Sold 1 h to B-104",
    "Venta de 1 h a B-104",
    { ...checkin(), products: [{ id: "hour", quantity: { toString: 0 } }] },
  ],
])("%s", (english, spanish, command) => {
  const say = (language: Language) => told(createI18n(language).t, command, NAMES, language);
  expect([say("en"), say("es")]).toEqual([english, spanish]);
});

test("never throws, whatever a command holds", () => {
  const field = fc.constantFrom("type", "barcodeId", "products", "lines", "product", "changes", "productId");
  const { t } = createI18n("en");
  fc.assert(
    fc.property(fc.dictionary(field, fc.anything()), (command) => {
      expect(told(t, command, NAMES, "en")).not.toBe("");
    }),
  );
});
