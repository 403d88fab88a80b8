/** The data sets that were uploaded, and the names of jobs that work on them. */
import { useQuery } from "@tanstack/react-query";

import { api, got } from "../api/client";
import { about, type Job, jobName } from "./describe";

export function useDatasets(enabled = true) {
  return useQuery({
    queryKey: ["datasets"],
    enabled,
    staleTime: 60_000,
    queryFn: () => got(api.GET("/v1/datasets", { params: { query: { page_size: 1000 } } })),
  });
}

/** What people call a data set: its name where it is known, else its id. Null of a job without data. */
export function useDataName(job: Pick<Job, "spec">): string | null {
  const { data = null } = about(job);
  // Data sets that come with the service are called by their id.
  const isUploaded = data?.startsWith("ds_") ?? false;
  const { data: known } = useDatasets(isUploaded);
  return (isUploaded ? known?.items.find((one) => one.id === data)?.name : undefined) ?? data;
}

/** What a list calls a job, with the name of its data. */
export function useJobName(job: Pick<Job, "labels" | "spec">): string {
  return jobName(job, useDataName(job));
}
