/** The service's estimate of a spec: requested a moment after the last change; a newer request ends an older one. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { api, got, type Schemas } from "../../api/client";
import { isTransient } from "../../api/problem";

type Spec = Schemas["JobCreate"]["spec"];

const PAUSE_MS = 500;

type Estimated<S extends Spec> = S extends { kind: "batch" } ? Schemas["BatchValidation"] : Schemas["Validation"];

export function useEstimate<S extends Spec>(spec: S | null) {
  const newest = spec === null ? null : JSON.stringify(spec);
  const settled = useSettled(newest, PAUSE_MS);
  const query = useQuery({
    queryKey: ["estimate", settled],
    enabled: settled !== null,
    queryFn: async ({ signal }): Promise<Estimated<S>> => {
      const body = { spec: JSON.parse(settled ?? "") as Spec };
      const answer = await got(api.POST("/v1/jobs", { params: { query: { validate_only: true } }, body, signal }));
      if (!("seconds" in answer)) throw new Error("The service queued a job in place of an estimate.");
      return answer as Estimated<S>;
    },
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: (failures, error) => isTransient(error) && failures < 5,
  });
  const isCurrent = newest === settled;
  return {
    /** Of the newest spec that could be estimated; an older one's while `isChecking`. */
    estimate: query.data,
    isChecking: newest !== null && (!isCurrent || query.isFetching),
    /** Of this very spec; null while it is checked. */
    error: isCurrent && !query.isFetching ? query.error : null,
    again: () => void query.refetch(),
  };
}

/** A value once it has stayed the same for some time. */
export function useSettled<T>(value: T, pauseMs: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), pauseMs);
    return () => clearTimeout(timer);
  }, [value, pauseMs]);
  return settled;
}
