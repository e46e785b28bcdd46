import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { Blank } from "../../components/Blank";
import { useCustoms } from "../../components/venueTime";
import type { Product } from "../../ipc/bindings/Product";
import { spokenDuration } from "../../lib/duration";
import { formatMinor } from "../../lib/format";
import { majorToMinor } from "../../lib/money";
import { byFavour, type Line } from "./cart";

interface ProductGridProps {
  products: readonly Product[];
  lines: readonly Line[];
  onQuantity: (productId: string, quantity: number) => void;
}

/** Everything that can be sold, one press each. */
export function ProductGrid({ products, lines, onQuantity }: ProductGridProps) {
  const { t } = useTranslation();
  if (products.length === 0) {
    return <Blank title={t("checkin.noProducts")} help={t("checkin.noProductsHelp")} />;
  }
  const quantities = new Map(lines.map((line) => [line.productId, line.quantity]));
  return (
    <ul className="product-grid">
      {[...products].sort(byFavour).map((product) => (
        <li key={product.id}>
          <ProductTile product={product} quantity={quantities.get(product.id) ?? 0} onQuantity={onQuantity} />
        </li>
      ))}
    </ul>
  );
}

interface ProductTileProps {
  product: Product;
  quantity: number;
  onQuantity: ProductGridProps["onQuantity"];
}

function ProductTile({ product, quantity, onQuantity }: ProductTileProps) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const price = formatMinor(majorToMinor(product.price, customs.decimals), customs);
  return (
    <Button
      className="product-tile"
      data-testid="product-tile"
      data-product-id={product.id}
      data-picked={quantity > 0 || undefined}
      onPress={() => onQuantity(product.id, quantity + 1)}
    >
      <span className="product-name">{product.name}</span>
      <span className="product-foot figure">
        <strong>{price}</strong>
        <span className="quiet">
          {product.timeValueSeconds ? `+ ${spokenDuration(product.timeValueSeconds)}` : t("checkin.extra")}
        </span>
      </span>
      {quantity > 0 && <span className="product-count figure">{quantity}</span>}
    </Button>
  );
}
