import { createContext, useContext, useMemo, useReducer } from "react";
import { type CartAction, cart, type Receipts } from "./cart";

type Desk = readonly [Receipts, (action: CartAction) => void];

const ReceiptsContext = createContext<Desk>([{}, () => undefined]);

/** Keeps the receipts that are being written while somebody looks at another view. */
export function OpenReceipts({ children }: { children: React.ReactNode }) {
  const [receipts, change] = useReducer(cart, {});
  const desk = useMemo<Desk>(() => [receipts, change], [receipts]);
  return <ReceiptsContext value={desk}>{children}</ReceiptsContext>;
}

export function useReceipts(): Desk {
  return useContext(ReceiptsContext);
}
