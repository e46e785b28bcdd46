import { hashKey, notifyManager, QueryClient } from "@tanstack/react-query";
import type { Ipc } from "./client";
import { readPush } from "./push";
import type { QueryKey, QueryReply, QueryUpdate } from "./types";

/** What became of the pushes, for support and for tests. */
interface UpdateCounters {
  pushes: number;
  sets: number;
  invalidates: number;
  malformed: number;
  unsubscribed: number;
}

export interface VenueQueries {
  client: QueryClient;
  counters: UpdateCounters;
  /** Listens to pushes from here on. */
  start(): Promise<void>;
  stop(): void;
}

/** Calls back once the frame that shows the current state has been painted. */
export type AfterPaint = (done: () => void) => void;

const afterNextPaint: AfterPaint = (done) => {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      done();
    };
    channel.port2.postMessage(null);
  });
};

/**
 * The query cache, fed by the core and by nothing else.
 *
 * A key is subscribed while a component observes it. A push either sets a key or has it asked again;
 * a push for a key that nobody observes is counted and dropped. A key that loses its last observer is marked old,
 * so that the next one asks before it trusts it. Nothing here knows what the keys mean.
 */
export function connectQueries(ipc: Ipc, afterPaint: AfterPaint = afterNextPaint): VenueQueries {
  const counters: UpdateCounters = { pushes: 0, sets: 0, invalidates: 0, malformed: 0, unsubscribed: 0 };
  const subscriptions = new Subscriptions(ipc);
  const lastSet = new Map<string, { seq: number | null; count: number }>();
  let stopListening: (() => void) | null = null;
  let stopped = false;

  const fetchKey = async (key: QueryKey): Promise<QueryReply> => {
    const hash = hashKey(key);
    await subscriptions.ready(key);
    const setsBefore = lastSet.get(hash)?.count ?? 0;
    const reply = await ipc.query(key);
    const pushed = lastSet.get(hash);
    const overtaken =
      pushed !== undefined &&
      pushed.count > setsBefore &&
      (reply.freshness.asOfSeq ?? -1) <= (pushed.seq ?? -1);
    return (overtaken ? client.getQueryData<QueryReply>(key) : undefined) ?? reply;
  };

  // A push is drawn in the frame it came in, not a timer later.
  notifyManager.setScheduler(queueMicrotask);
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        networkMode: "always",
        staleTime: Number.POSITIVE_INFINITY,
        retry: false,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        queryFn: ({ queryKey }) => fetchKey(queryKey as unknown as QueryKey),
      },
    },
  });

  const stopObserving = client.getQueryCache().subscribe((event) => {
    const key = event.query.queryKey as unknown as QueryKey;
    if (event.type === "observerAdded") subscriptions.want(key);
    if (event.type === "observerRemoved" && event.query.getObserversCount() === 0) {
      queueMicrotask(() => {
        if (event.query.getObserversCount() > 0 || !subscriptions.drop(key)) return;
        void client.invalidateQueries({ queryKey: key, exact: true, refetchType: "none" });
      });
    }
  });

  const apply = (update: QueryUpdate, seq: number | null) => {
    const hash = hashKey(update.key);
    if (!subscriptions.has(update.key)) {
      counters.unsubscribed += 1;
    } else if (update.op === "set") {
      counters.sets += 1;
      lastSet.set(hash, { seq, count: (lastSet.get(hash)?.count ?? 0) + 1 });
      client.setQueryData<QueryReply>(update.key, (held) => ({
        data: update.data,
        freshness: update.freshness ?? held?.freshness ?? { state: "live", asOfSeq: seq, lastSyncAt: null },
      }));
    } else {
      counters.invalidates += 1;
      void client.invalidateQueries({ queryKey: update.key, exact: true });
    }
  };

  const receive = (payload: unknown) => {
    const push = readPush(payload);
    if (!push) {
      counters.malformed += 1;
      return;
    }
    counters.pushes += 1;
    counters.malformed += push.malformed;
    notifyManager.batch(() => {
      for (const update of push.updates) apply(update, push.seq);
    });
    afterPaint(() => void ipc.painted(push.pushId).catch(() => undefined));
  };

  return {
    client,
    counters,
    async start() {
      const stop = await ipc.onUpdates(receive);
      if (stopped) stop();
      else stopListening = stop;
    },
    stop() {
      stopped = true;
      stopListening?.();
      stopObserving();
      client.clear();
    },
  };
}

/** Which keys the core has been asked for. Calls for one key are made one after the other. */
class Subscriptions {
  readonly #ipc: Ipc;
  readonly #wanted = new Set<string>();
  readonly #last = new Map<string, Promise<void>>();

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  has(key: QueryKey): boolean {
    return this.#wanted.has(hashKey(key));
  }

  want(key: QueryKey): void {
    const hash = hashKey(key);
    if (this.#wanted.has(hash)) return;
    this.#wanted.add(hash);
    this.#enqueue(hash, () => this.#ipc.subscribe([key]));
  }

  drop(key: QueryKey): boolean {
    const hash = hashKey(key);
    if (!this.#wanted.delete(hash)) return false;
    this.#enqueue(hash, () => this.#ipc.unsubscribe([key]));
    return true;
  }

  /** Resolves when the core listens to `key`; asks again when it refused before. */
  async ready(key: QueryKey): Promise<void> {
    const hash = hashKey(key);
    try {
      await this.#last.get(hash);
    } catch {
      if (!this.#wanted.has(hash)) return;
      this.#enqueue(hash, () => this.#ipc.subscribe([key]));
      await this.#last.get(hash);
    }
  }

  #enqueue(hash: string, call: () => Promise<void>): void {
    const before = this.#last.get(hash);
    const next = before ? before.catch(() => undefined).then(call) : call();
    next.catch(() => undefined);
    this.#last.set(hash, next);
  }
}
