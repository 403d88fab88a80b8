/** What the service says of a spec before it is queued: asked a moment after the last change; a newer question ends an older one. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { api, got, type Schemas } from "../../api/client";
import { isTransient } from "../../api/problem";
import type { WireSpec } from "./form";

const PAUSE_MS = 500;

export function useOutlook(spec: WireSpec | null) {
  const wanted = spec === null ? null : JSON.stringify(spec);
  const settled = useSettled(wanted, PAUSE_MS);
  const query = useQuery({
    queryKey: ["outlook", settled],
    enabled: settled !== null,
    queryFn: async ({ signal }): Promise<Schemas["Validation"]> => {
      const body = { spec: JSON.parse(settled ?? "") as WireSpec };
      const answer = await got(api.POST("/v1/jobs", { params: { query: { validate_only: true } }, body, signal }));
      if (!("architectures" in answer)) throw new Error("The service queued a job where it was asked what one would take.");
      return answer as Schemas["Validation"];
    },
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: (failures, error) => isTransient(error) && failures < 5,
  });
  const isCurrent = wanted === settled;
  return {
    /** Of the newest spec that could be looked at; an older one's while `isChecking`. */
    outlook: query.data,
    isChecking: wanted !== null && (!isCurrent || query.isFetching),
    /** Of this very spec; null while it is looked at. */
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
