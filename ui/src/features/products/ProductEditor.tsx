import { valibotResolver } from "@hookform/resolvers/valibot";
import { Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useForm } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Notice } from "../../components/Notice";
import { Confirm } from "../../components/Sheet";
import { useCustoms } from "../../components/venueTime";
import type { Product } from "../../ipc/bindings/Product";
import { rejectionSentence } from "../../lib/i18n/rejection";
import { useProductCommands } from "./commands";
import { ProductFieldset } from "./ProductFieldset";
import { draftOf, type ProductDraft, productSchema } from "./productForm";

interface ProductEditorProps {
  /** Null makes a new one. */
  product: Product | null;
  categories: readonly string[];
  onDone: (sentence: string) => void;
  onCancel: () => void;
}

/** One product, to be changed, made or removed. What other desks change meanwhile shows where nothing was typed. */
export function ProductEditor({ product, categories, onDone, onCancel }: ProductEditorProps) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const { currency, decimals } = customs;
  const [asking, setAsking] = useState(false);
  const commands = useProductCommands(decimals);
  const form = useForm<ProductDraft>({
    values: useMemo(() => draftOf(product, customs), [product, customs]),
    resetOptions: { keepDirtyValues: true },
    resolver: useMemo(() => valibotResolver(productSchema(decimals)), [decimals]),
  });

  const save = form.handleSubmit(async (draft) => {
    const kept = await commands.save(product, draft);
    if (kept) onDone(t(kept === "saved" ? "products.pending" : "products.saved"));
  });
  const remove = async (yes: boolean) => {
    setAsking(false);
    if (!yes || !product) return;
    if (await commands.remove(product)) onDone(t("products.removed", { name: product.name }));
  };

  return (
    <form className="product-form" onSubmit={save} noValidate>
      <h2 className="heading">
        {product ? t("products.editing", { name: product.name }) : t("products.creating")}
      </h2>
      <ProductFieldset form={form} categories={categories} currency={currency} decimals={decimals} />
      {commands.rejection && (
        <Notice meaning="stop" urgent>
          {rejectionSentence(t, commands.rejection)}
        </Notice>
      )}
      <div className="product-form-actions">
        {product && (
          <Action look="quiet" icon={Trash2} onPress={() => setAsking(true)} data-testid="product-remove">
            {t("products.remove")}
          </Action>
        )}
        <span className="spacer" />
        <Action onPress={onCancel}>{t("products.cancel")}</Action>
        <Action look="main" type="submit" busy={commands.busy} data-testid="product-save">
          {t("products.save")}
        </Action>
      </div>
      <Confirm
        open={asking}
        title={t("products.removeTitle", { name: product?.name })}
        help={t("products.removeHelp")}
        yes={t("products.removeYes")}
        no={t("products.removeNo")}
        onAnswer={remove}
      />
    </form>
  );
}
