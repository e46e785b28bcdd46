import { Pin, Plus } from "lucide-react";
import { useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import { Blank } from "../../components/Blank";
import { PendingMark } from "../../components/PendingMark";
import { useCustoms } from "../../components/venueTime";
import type { Product } from "../../ipc/bindings/Product";
import type { Shown } from "../../ipc/types";
import { spokenDuration } from "../../lib/duration";
import { formatMinor } from "../../lib/format";
import { majorToMinor } from "../../lib/money";

interface ProductListProps {
  products: readonly Shown<Product>[];
  openId: string | null;
  onOpen: (id: string | null) => void;
}

/** Everything that is sold, by category and name. */
export function ProductList({ products, openId, onOpen }: ProductListProps) {
  const { t } = useTranslation();
  const [search, setSearch] = useState("");
  const wanted = products
    .filter((product) => product.name.toLocaleLowerCase().includes(search.trim().toLocaleLowerCase()))
    .sort((a, b) => a.category.localeCompare(b.category) || a.name.localeCompare(b.name));
  return (
    <>
      <header className="products-head">
        <h1 className="heading">
          {t("products.title")} <span className="quiet figure">{products.length}</span>
        </h1>
        <label>
          <span className="visually-hidden">{t("products.find")}</span>
          <input
            className="field-input"
            type="search"
            placeholder={t("products.find")}
            value={search}
            onChange={(event) => setSearch(event.target.value)}
          />
        </label>
        <Action look="main" icon={Plus} data-testid="product-new" onPress={() => onOpen(null)}>
          {t("products.create")}
        </Action>
      </header>
      {products.length === 0 && <Blank title={t("products.empty")} help={t("products.emptyHelp")} />}
      {products.length > 0 && wanted.length === 0 && <Blank title={t("products.noMatch")} />}
      <ul className="product-rows">
        {wanted.map((product) => (
          <li key={product.id}>
            <ProductRow product={product} isOpen={product.id === openId} onOpen={onOpen} />
          </li>
        ))}
      </ul>
    </>
  );
}

interface ProductRowProps {
  product: Shown<Product>;
  isOpen: boolean;
  onOpen: (id: string) => void;
}

function ProductRow({ product, isOpen, onOpen }: ProductRowProps) {
  const { t } = useTranslation();
  const customs = useCustoms();
  return (
    <Button
      className="product-row"
      data-testid="product-row"
      data-product-id={product.id}
      aria-current={isOpen || undefined}
      onPress={() => onOpen(product.id)}
    >
      <span className="product-row-name">
        <strong>{product.name}</strong>
        <span className="product-row-how">
          <span className="label">{product.category}</span>
          <PendingMark of={product} />
        </span>
      </span>
      {product.required && (
        <span className="product-required label">
          <Pin aria-hidden /> {t("products.required")}
        </span>
      )}
      <span className="quiet figure">
        {product.timeValueSeconds ? spokenDuration(product.timeValueSeconds) : t("products.noTime")}
      </span>
      <span className="product-row-price figure">
        {formatMinor(majorToMinor(product.price, customs.decimals), customs)}
      </span>
    </Button>
  );
}
