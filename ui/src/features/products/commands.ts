import { useState } from "react";
import type { Product } from "../../ipc/bindings/Product";
import type { Command, Rejection } from "../../ipc/types";
import { type Outcome, useIntent } from "../../ipc/useIntent";
import { changesOf, fieldsOf, type ProductDraft } from "./productForm";

type Kept = "done" | "saved" | null;

/** Making, changing and removing; what was refused stays in sight until the next try. */
export function useProductCommands(decimals: number) {
  const { busy, send } = useIntent();
  const [rejection, setRejection] = useState<Rejection | null>(null);

  const tell = async (command: Command): Promise<Kept> => {
    setRejection(null);
    const onLate = (late: Outcome) => late.kind === "refused" && setRejection(late.rejection);
    const outcome = await send(command, { onLate });
    if (outcome?.kind === "refused") setRejection(outcome.rejection);
    return outcome === null || outcome.kind === "refused" ? null : outcome.kind;
  };

  return {
    busy,
    rejection,
    save(product: Product | null, draft: ProductDraft): Promise<Kept> {
      const fields = fieldsOf(draft, decimals);
      if (!product) return tell({ type: "product.create", product: fields });
      const changes = changesOf(product, fields);
      if (Object.keys(changes).length === 0) return Promise.resolve("done");
      return tell({ type: "product.update", productId: product.id, changes });
    },
    remove: (product: Product) => tell({ type: "product.delete", productId: product.id }),
  };
}
