import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Blank } from "../../components/Blank";
import { Notice } from "../../components/Notice";
import { WhenReady } from "../../components/WhenReady";
import { useVenueQuery } from "../../ipc/useVenueQuery";
import { ProductEditor } from "./ProductEditor";
import { ProductList } from "./ProductList";
import "./products.css";

/** The catalogue: on the left what is sold, on the right the one that is being changed. */
export function ProductsPage() {
  const { t } = useTranslation();
  const products = useVenueQuery(["products"]);
  const [open, setOpen] = useState<{ id: string | null } | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const edited = products.data?.find((product) => product.id === open?.id) ?? null;
  const show = (id: string | null) => {
    setOpen({ id });
    setSaid(null);
  };
  const finish = (sentence: string) => {
    setOpen(null);
    setSaid(sentence);
  };
  const editing = open !== null && (open.id === null || edited !== null);

  return (
    <div className="page products">
      <section className="panel products-list">
        <WhenReady of={products}>
          {(data) => <ProductList products={data} openId={open?.id ?? null} onOpen={show} />}
        </WhenReady>
      </section>
      <section className="panel products-editor">
        {said && <Notice meaning="done">{said}</Notice>}
        {editing ? (
          <ProductEditor
            key={open.id ?? "new"}
            product={edited}
            categories={[...new Set(products.data?.map((product) => product.category))]}
            onDone={finish}
            onCancel={() => setOpen(null)}
          />
        ) : (
          products.data?.length !== 0 && <Blank title={t("products.pick")} />
        )}
      </section>
    </div>
  );
}
