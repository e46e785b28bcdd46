import { useMemo } from "react";
import { useVenueQuery } from "./useVenueQuery";

/** What this desk knows of the ids that a command carries: products that are sold, and the latest lines of sales. */
export function useNames() {
  const products = useVenueQuery(["products"]).data;
  const lines = useVenueQuery(["transactions"]).data;
  return useMemo(() => {
    const productById = new Map(products?.map((product) => [product.id, product]));
    const lineById = new Map(lines?.map((line) => [line.id, line]));
    return {
      product: (id: unknown) => (typeof id === "string" ? productById.get(id) : undefined),
      line: (id: unknown) => (typeof id === "string" ? lineById.get(id) : undefined),
    };
  }, [products, lines]);
}
