/** The data sets that were uploaded, and the names of jobs that work on them. */
import { useQuery } from "@tanstack/react-query";

import { api, got } from "../api/client";
import { dataOf, type Job, jobName } from "./describe";

export function useDatasets(enabled = true) {
  return useQuery({
    queryKey: ["datasets"],
    enabled,
    staleTime: 60_000,
    queryFn: () => got(api.GET("/v1/datasets", { params: { query: { page_size: 1000 } } })),
  });
}

/** What people call each data set: its name where it is known, else its id. */
export function useDataNames(ids: readonly string[]): (id: string) => string {
  // Data sets that come with the service are called by their id.
  const { data: known } = useDatasets(ids.some((id) => id.startsWith("ds_")));
  return (id) => known?.items.find((one) => one.id === id)?.name ?? id;
}

/** The data of a job by name; null of a job without data. */
export function useDataName(job: Pick<Job, "spec">): string | null {
  const ids = dataOf(job);
  const nameOf = useDataNames(ids);
  return ids.length === 0 ? null : ids.map(nameOf).join(", ");
}

/** What a list calls a job, with the name of its data. */
export function useJobName(job: Pick<Job, "labels" | "spec">): string {
  return jobName(job, useDataName(job));
}
