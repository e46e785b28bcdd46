import { useQuery } from "@tanstack/react-query";
import { asRefusal, type Refusal } from "./client";
import type { Freshness, QueryKey, QueryName, QueryReply, QueryShapes } from "./types";

/** A key of the venue as a component sees it. `loading` lasts until this desk has a first copy of it. */
export type VenueQuery<T> =
  | { state: "loading"; data: undefined }
  | { state: "failed"; data: undefined; refusal: Refusal; retry: () => void }
  | { state: "ready"; data: T; freshness: Freshness };

/** Observes a key, or nothing when `key` is null. Pushes change it; nothing polls. */
export function useVenueQuery<N extends QueryName>(key: QueryKey<N> | null): VenueQuery<QueryShapes[N]> {
  const query = useQuery<QueryReply<QueryShapes[N]>>({
    queryKey: key ?? ["nothing"],
    enabled: key !== null,
  });
  const reply = query.data;
  if (reply && (reply.data !== null || reply.freshness.asOfSeq !== null)) {
    return { state: "ready", data: reply.data as QueryShapes[N], freshness: reply.freshness };
  }
  if (query.isError) {
    const retry = () => void query.refetch();
    return { state: "failed", data: undefined, refusal: asRefusal(query.error), retry };
  }
  return { state: "loading", data: undefined };
}
