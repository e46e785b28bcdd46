import type { PlayerSession } from "../../ipc/bindings/PlayerSession";

export type Verb = "session.play" | "session.pause" | "session.end";

/** What a scan at the gate asks for: whoever is in flight goes out, everybody else wants in. The core decides. */
export function verbForScan(sessions: readonly PlayerSession[], barcodeId: string): Verb {
  const session = sessions.find((candidate) => candidate.barcodeId === barcodeId);
  return session?.status === "playing" ? "session.pause" : "session.play";
}

/** A scanner that reads the same band twice in one movement must not let it in and out again. */
const ECHO_MS = 1_500;

export interface HeardScan {
  barcodeId: string;
  atMs: number;
}

export function isEcho(last: HeardScan | null, scan: HeardScan): boolean {
  return last !== null && last.barcodeId === scan.barcodeId && scan.atMs - last.atMs < ECHO_MS;
}
