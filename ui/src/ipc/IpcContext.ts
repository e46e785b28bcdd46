import { createContext, useContext } from "react";
import type { Ipc } from "./client";

export const IpcContext = createContext<Ipc | null>(null);

export function useIpc(): Ipc {
  const ipc = useContext(IpcContext);
  if (!ipc) throw new Error("useIpc needs an IpcContext above it");
  return ipc;
}
