import { useRef, useState } from "react";
import { asRefusal, type Refusal } from "../../ipc/client";
import { useIpc } from "../../ipc/IpcContext";
import type { AttentionAction } from "../../ipc/types";

/** Settling one entry, once. It leaves the list by a push, never from here. */
export function useResolve(entryId: string, onSettled: (action: AttentionAction) => void) {
  const ipc = useIpc();
  const underway = useRef(false);
  const [busy, setBusy] = useState<AttentionAction | null>(null);
  const [isSettled, setSettled] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);

  const resolve = async (action: AttentionAction, reason?: string) => {
    if (underway.current) return;
    underway.current = true;
    setBusy(action);
    setRefusal(null);
    try {
      await ipc.resolve(entryId, action, reason);
      setSettled(true);
      onSettled(action);
    } catch (thrown) {
      underway.current = false;
      setRefusal(asRefusal(thrown));
    } finally {
      setBusy(null);
    }
  };
  return { resolve, busy, isSettled, refusal };
}
