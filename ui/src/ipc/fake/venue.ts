import type { PlayerSession } from "../bindings/PlayerSession";
import type { Product } from "../bindings/Product";
import type { SystemSettings } from "../bindings/SystemSettings";
import type { TransactionWithRelations } from "../bindings/TransactionWithRelations";
import type { Command, Force, Rejection } from "../types";

/** The rows of a little venue in memory. */
export interface Venue {
  settings: SystemSettings;
  products: Product[];
  sessions: PlayerSession[];
  transactions: TransactionWithRelations[];
}

/** A "no" of the little venue. */
export class Refused extends Error {
  constructor(readonly rejection: Rejection) {
    super(rejection.message);
  }
}

const no = (code: string, message: string) => new Refused({ code, message, details: {} });
const iso = (ms: number) => new Date(ms).toISOString();
let lastId = 0;
const newId = (kind: string) => {
  lastId += 1;
  return `${kind}-${lastId}`;
};

/** Brings what depends on the clock up to `now`: seconds left, and overdue bands whose time to stay is over. */
export function settleClocks(venue: Venue, now: number): boolean {
  let released = false;
  for (const session of venue.sessions) {
    if (session.status !== "playing" || session.expiresAt === null) continue;
    const leftMs = Date.parse(session.expiresAt) - now;
    session.remainingSeconds = Math.max(0, Math.floor(leftMs / 1000));
    session.remainingMinutes = Math.floor(session.remainingSeconds / 60);
    if (-leftMs < venue.settings.autoReleaseSeconds * 1000) continue;
    close(session, now, "ended");
    released = true;
  }
  return released;
}

function close(session: PlayerSession, now: number, status: "paused" | "ended"): void {
  const over = session.expiresAt ? Math.max(0, Math.floor((now - Date.parse(session.expiresAt)) / 1000)) : 0;
  session.remainingSeconds =
    session.expiresAt && session.status === "playing"
      ? Math.max(0, Math.floor((Date.parse(session.expiresAt) - now) / 1000))
      : session.remainingSeconds;
  session.accumulatedSeconds = session.totalAllowedSeconds - session.remainingSeconds;
  session.overstaySeconds += over;
  session.status = session.remainingSeconds === 0 ? "ended" : status;
  Object.assign(session, {
    isActive: false,
    expiresAt: null,
    lastStartAt: null,
    pausedAt: iso(now),
    updatedAt: iso(now),
  });
  session.remainingMinutes = Math.floor(session.remainingSeconds / 60);
}

export function liveSession(venue: Venue, barcodeId: string): PlayerSession | undefined {
  return venue.sessions.find((session) => session.barcodeId === barcodeId && session.status !== "ended");
}

export const inside = (venue: Venue) =>
  venue.sessions.filter((session) => session.status === "playing").length;

/** Runs one command, all or nothing, and answers its result. With `force` a full venue lets one more in. */
export function run(venue: Venue, command: Command, now: number, force?: Force): unknown {
  settleClocks(venue, now);
  const barcodeId = String(command.barcodeId ?? "");
  switch (command.type) {
    case "session.checkin":
      return checkin(venue, barcodeId, command.products as { id: string; quantity: number }[], now);
    case "session.play":
      return play(venue, barcodeId, now, force);
    case "session.pause": {
      const session = known(venue, barcodeId);
      if (session.status !== "playing") throw no("not_playing", "This band is not playing.");
      close(session, now, "paused");
      return session;
    }
    case "session.end": {
      const session = known(venue, barcodeId);
      close(session, now, "ended");
      session.status = "ended";
      return session;
    }
    case "product.create": {
      const product = { ...(command.product as Product), id: newId("product"), isDeleted: false };
      Object.assign(product, { createdAt: iso(now), updatedAt: iso(now) });
      venue.products.push(product);
      return product;
    }
    case "product.update":
      return Object.assign(aProduct(venue, command.productId), command.changes, { updatedAt: iso(now) });
    case "product.delete":
      return Object.assign(aProduct(venue, command.productId), { isDeleted: true });
    case "transaction.correct":
      return refund(venue, String(command.transactionId), now);
    case "settings.update":
      return Object.assign(venue.settings, command.changes, { updatedAt: iso(now) });
    default:
      throw no("invalid_command", "There is no such command.");
  }
}

function known(venue: Venue, barcodeId: string): PlayerSession {
  const session = liveSession(venue, barcodeId);
  if (!session) throw no("unknown_band", "This band is not known here. Sell it time first.");
  return session;
}

function aProduct(venue: Venue, id: unknown): Product {
  const product = venue.products.find((candidate) => candidate.id === id && !candidate.isDeleted);
  if (!product) throw no("unknown_product", "There is no such product.");
  return product;
}

function play(venue: Venue, barcodeId: string, now: number, force?: Force): PlayerSession {
  const session = known(venue, barcodeId);
  if (session.status === "playing") throw no("already_playing", "This band is already playing.");
  if (session.remainingSeconds === 0) throw no("no_credit", "This band has no time left.");
  if (!force && inside(venue) >= venue.settings.maxOccupancy) throw no("venue_full", "The venue is full.");
  Object.assign(session, {
    status: "playing",
    isActive: true,
    lastStartAt: iso(now),
    expiresAt: iso(now + session.remainingSeconds * 1000),
    pausedAt: null,
    updatedAt: iso(now),
  });
  return session;
}

function checkin(venue: Venue, barcodeId: string, lines: { id: string; quantity: number }[], now: number) {
  const bought = lines.map((line) => ({ product: aProduct(venue, line.id), quantity: line.quantity }));
  const seconds = bought.reduce((sum, line) => sum + (line.product.timeValueSeconds ?? 0) * line.quantity, 0);
  let session = liveSession(venue, barcodeId);
  if (!session) {
    session = newSession(barcodeId, now);
    venue.sessions.push(session);
  }
  addCredit(session, seconds, now);
  const playerSession = { id: session.id, barcodeId };
  const transactions = bought.map(({ product, quantity }): TransactionWithRelations => {
    const { id, name, price, category, timeValueSeconds } = product;
    const totalPrice = Math.round(price * quantity * 100) / 100;
    return {
      id: newId("transaction"),
      playerSessionId: playerSession.id,
      productId: id,
      quantity,
      totalPrice,
      originalQuantity: quantity,
      originalTotalPrice: totalPrice,
      createdAt: iso(now),
      status: "completed",
      playerSession,
      product: { id, name, price, category, timeValueSeconds },
    };
  });
  venue.transactions.unshift(...transactions);
  return { playerSession: session, transactions, totalSecondsAdded: seconds };
}

function addCredit(session: PlayerSession, seconds: number, now: number): void {
  session.totalAllowedSeconds = Math.max(0, session.totalAllowedSeconds + seconds);
  session.remainingSeconds = Math.max(0, session.remainingSeconds + seconds);
  session.remainingMinutes = Math.floor(session.remainingSeconds / 60);
  session.updatedAt = iso(now);
  if (session.expiresAt)
    session.expiresAt = iso(Math.max(now, Date.parse(session.expiresAt)) + seconds * 1000);
}

export function newSession(barcodeId: string, now: number): PlayerSession {
  return {
    id: newId("session"),
    barcodeId,
    totalAllowedSeconds: 0,
    accumulatedSeconds: 0,
    lastStartAt: null,
    isActive: false,
    expiresAt: null,
    createdAt: iso(now),
    updatedAt: iso(now),
    remainingSeconds: 0,
    remainingMinutes: 0,
    status: "waiting",
    pausedAt: null,
    overstaySeconds: 0,
  };
}

function refund(venue: Venue, id: string, now: number): TransactionWithRelations {
  const line = venue.transactions.find((candidate) => candidate.id === id);
  if (!line) throw no("unknown_transaction", "There is no such sale.");
  if (line.status === "refunded") throw no("already_refunded", "This sale has already been refunded.");
  const session = venue.sessions.find((candidate) => candidate.id === line.playerSessionId);
  if (session) addCredit(session, -(line.product.timeValueSeconds ?? 0) * line.quantity, now);
  return Object.assign(line, { status: "refunded", quantity: 0, totalPrice: 0 });
}
