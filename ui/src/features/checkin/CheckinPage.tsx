import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { BandField } from "../../components/BandField";
import { useCustoms } from "../../components/venueTime";
import { WhenReady } from "../../components/WhenReady";
import { useVenueQuery } from "../../ipc/useVenueQuery";
import { BandPanel } from "./BandPanel";
import { linesOf, NO_BAND, parkedBeside, preselect, priced } from "./cart";
import { useDesk } from "./commands";
import { useReceipts } from "./OpenReceipts";
import { ProductGrid } from "./ProductGrid";
import { Receipt } from "./Receipt";
import { SaleAnswer } from "./SaleAnswer";
import "./checkin.css";

/** Left the band and what can be sold to it, right the receipt, and after the charge its answer. */
export function CheckinPage() {
  const { t } = useTranslation();
  const [search, setSearch] = useSearchParams();
  const band = search.get("band");
  const [receipts, change] = useReceipts();
  const desk = useDesk();
  const products = useVenueQuery(["products"]);
  const session = useVenueQuery(band === null ? null : ["playerSession", band]);
  const history = useVenueQuery(band === null ? null : ["checkinHistory", band]);
  const { decimals } = useCustoms();

  const key = band ?? NO_BAND;
  const preselected = preselect(products.data ?? [], history.data ?? [], session.data?.id ?? null);
  const lines = linesOf(receipts, key, preselected);
  const receipt = priced(lines, products.data ?? [], decimals);
  const parked = parkedBeside(receipts, key);

  const load = (code: string) => {
    desk.dismiss();
    setSearch({ band: code });
  };
  /** Whoever stands at the desk now is not the band that was loaded before. */
  const unload = () => {
    desk.dismiss();
    setSearch({});
  };
  const setQuantity = (productId: string, quantity: number) => {
    if (desk.charging) return;
    desk.dismiss();
    change({ type: "set", band: key, lines, productId, quantity });
  };
  const charge = async () => {
    if (band === null) return;
    const answer = await desk.charge(band, receipt, history.data ?? []);
    if (!answer || answer.kind === "refused") return;
    change({ type: "clear", band });
    document.querySelector<HTMLElement>("[data-band-field]")?.focus();
  };

  /** What was refused goes back to its receipt; what was sold makes room for the next band. */
  const close = () => {
    if (desk.answer?.kind !== "refused") setSearch({});
    desk.dismiss();
  };

  return (
    <div className="page checkin">
      <h1 className="visually-hidden">{t("checkin.title")}</h1>
      <section className="checkin-left">
        <BandField
          hint={t("checkin.bandHint")}
          verb={t("checkin.load")}
          testId="band-input"
          onBand={load}
          onUnreadable={unload}
        />
        <BandPanel band={band} session={session} history={history} />
        <WhenReady of={products}>
          {(data) => <ProductGrid products={data} lines={lines} onQuantity={setQuantity} />}
        </WhenReady>
      </section>
      <section className="checkin-right panel">
        {desk.answer ? (
          <SaleAnswer answer={desk.answer} undoing={desk.undoing} onUndo={desk.undo} onClose={close} />
        ) : (
          <Receipt
            band={band}
            receipt={receipt}
            charging={desk.charging}
            parked={parked}
            onQuantity={setQuantity}
            onBringBack={load}
            onCharge={charge}
          />
        )}
      </section>
    </div>
  );
}
