import { Minus, Plus, Receipt as ReceiptIcon } from "lucide-react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { Action } from "../../components/Action";
import "../../components/blank.css";
import { Code } from "../../components/Code";
import { useCustoms } from "../../components/venueTime";
import { spokenDuration } from "../../lib/duration";
import { formatMinor } from "../../lib/format";
import { MAX_QUANTITY, type Priced, type PricedLine } from "./cart";

interface ReceiptProps {
  band: string | null;
  receipt: Priced;
  charging: boolean;
  /** A band whose receipt was left unfinished. */
  parked: string | null;
  onQuantity: (productId: string, quantity: number) => void;
  onBringBack: (band: string) => void;
  onCharge: () => void;
}

/** What will be charged, and the one button that does it. */
export function Receipt({
  band,
  receipt,
  charging,
  parked,
  onQuantity,
  onBringBack,
  onCharge,
}: ReceiptProps) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const missing =
    band === null ? t("checkin.needBand") : receipt.lines.length === 0 ? t("checkin.needLines") : null;
  return (
    <>
      <header className="receipt-head">
        <h2 className="heading">
          <ReceiptIcon aria-hidden /> {t("checkin.receipt")}
        </h2>
        {band && <Code quiet>{band}</Code>}
      </header>
      {parked && (
        <p className="receipt-parked">
          <span>{t("checkin.parked", { code: parked })}</span>
          <Action look="quiet" onPress={() => onBringBack(parked)}>
            {t("checkin.bringBack")}
          </Action>
        </p>
      )}
      {receipt.lines.length === 0 ? (
        <p className="blank quiet">{t("checkin.emptyReceipt")}</p>
      ) : (
        <ul className="receipt-lines">
          {receipt.lines.map((line) => (
            <ReceiptLine key={line.productId} line={line} locked={charging} onQuantity={onQuantity} />
          ))}
        </ul>
      )}
      <footer className="receipt-foot">
        <dl className="receipt-sums figure" data-nothing={receipt.lines.length === 0 || undefined}>
          <div>
            <dt className="label">{t("checkin.time")}</dt>
            <dd className="receipt-time">{spokenDuration(receipt.seconds)}</dd>
          </div>
          <div>
            <dt className="label">{t("checkin.total")}</dt>
            <dd className="receipt-total">{formatMinor(receipt.totalMinor, customs)}</dd>
          </div>
        </dl>
        <Action
          look="main"
          size="large"
          busy={charging}
          isDisabled={missing !== null}
          onPress={onCharge}
          data-testid="charge"
          data-key="F9"
          aria-keyshortcuts="F9"
        >
          {missing ?? t("checkin.charge", { amount: formatMinor(receipt.totalMinor, customs) })}
        </Action>
      </footer>
    </>
  );
}

interface ReceiptLineProps {
  line: PricedLine;
  locked: boolean;
  onQuantity: ReceiptProps["onQuantity"];
}

function ReceiptLine({ line: { product, quantity, totalMinor }, locked, onQuantity }: ReceiptLineProps) {
  const { t } = useTranslation();
  const customs = useCustoms();
  const { name } = product;
  return (
    <li className="receipt-line figure">
      <span className="receipt-name">{name}</span>
      <span className="stepper">
        <Button
          className="action"
          isDisabled={locked}
          aria-label={quantity === 1 ? t("checkin.remove", { name }) : t("checkin.less", { name })}
          onPress={() => onQuantity(product.id, quantity - 1)}
        >
          <Minus aria-hidden />
        </Button>
        <output aria-label={name}>{quantity}</output>
        <Button
          className="action"
          isDisabled={locked || quantity >= MAX_QUANTITY}
          aria-label={t("checkin.more", { name })}
          onPress={() => onQuantity(product.id, quantity + 1)}
        >
          <Plus aria-hidden />
        </Button>
      </span>
      <span className="receipt-price">{formatMinor(totalMinor, customs)}</span>
    </li>
  );
}
