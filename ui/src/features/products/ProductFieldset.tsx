import type { UseFormReturn } from "react-hook-form";
import { useTranslation } from "react-i18next";
import { Field, Tick } from "../../components/Field";
import type { ProductDraft } from "./productForm";

interface ProductFieldsetProps {
  form: UseFormReturn<ProductDraft>;
  categories: readonly string[];
  currency: string;
  decimals: number;
}

/** The fields of a product. */
export function ProductFieldset({ form, categories, currency, decimals }: ProductFieldsetProps) {
  const { t } = useTranslation();
  const { errors } = form.formState;
  const fault = (name: keyof ProductDraft) => {
    const message = errors[name]?.message;
    return message && t(message, { currency, count: decimals });
  };
  return (
    <div className="product-fields">
      <div className="product-fields-wide">
        <Field label={t("products.name")} fault={fault("name")} {...form.register("name")} />
        <Field
          label={t("products.category")}
          help={t("products.categoryHelp")}
          suggestions={categories}
          fault={fault("category")}
          {...form.register("category")}
        />
      </div>
      <Field
        label={t("products.priceIn", { currency })}
        inputMode="decimal"
        fault={fault("price")}
        {...form.register("price")}
      />
      <Field
        label={t("products.time")}
        help={t("products.timeHelp")}
        fault={fault("time")}
        {...form.register("time")}
      />
      <div className="product-fields-wide">
        <Field
          label={t("products.description")}
          help={t("products.descriptionHelp")}
          fault={fault("description")}
          {...form.register("description")}
        />
        <Tick
          label={t("products.required")}
          help={t("products.requiredHelp")}
          {...form.register("required")}
        />
      </div>
    </div>
  );
}
