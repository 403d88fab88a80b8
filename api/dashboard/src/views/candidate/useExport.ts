/** The export of an architecture of a search, as the service has it now. */
import { skipToken, useQuery } from "@tanstack/react-query";

import { api, got, gotAs, type Schemas } from "../../api/client";
import { hasEnded, type Job } from "../../job/describe";
import { REFETCH_EVERY_MS, useJob } from "../../job/useJob";
import { exportOf, modelOf } from "./exported";

/** The newest exports since the search was made. Of one that is older than all these the page does not know. */
const MOST_EXPORTS = 100;

interface Exported {
  /** Null where there is none, or its model was deleted. */
  job: Job | null;
  isPending: boolean;
}

export function useExport(searchId: string, architectureId: string, target: string): Exported {
  const since = useJob(searchId).data?.created_at;
  const query = { kind: "export", page_size: MOST_EXPORTS } as const;
  const listed = useQuery({
    queryKey: ["jobs", "list", "exports", searchId],
    queryFn:
      since === undefined
        ? skipToken
        : () => gotAs<Schemas["JobPage"]>(api.GET("/v1/jobs", { params: { query: { ...query, created_after: since } } })),
    refetchInterval: ({ state }) => (state.data?.items.some((one) => !hasEnded(one.state)) ? REFETCH_EVERY_MS : false),
  });
  const job = exportOf(listed.data?.items ?? [], searchId, architectureId, target);
  const models = useQuery({
    queryKey: ["models", "of", job?.id],
    queryFn: job === null || modelOf(job) === null ? skipToken : () => got(api.GET("/v1/models", { params: { query: { job: job.id } } })),
  });
  const isGone = models.data?.items.length === 0;
  return { job: isGone ? null : job, isPending: listed.isPending };
}
