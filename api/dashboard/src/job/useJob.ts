/** A job as it is now, and as it changes: its document from the API, what its events add up to, and how well we hear. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useReducer, useState } from "react";

import { api, got } from "../api/client";
import { type Connection, follow } from "../api/follow";
import type { NumberedEvent } from "../api/events";
import { useSession } from "../app/session";
import { EMPTY, type JobState, reduce } from "./state";

export interface Followed {
  state: JobState;
  connection: Connection;
}

/** What the events of a job add up to, from its first one on. */
export function useJobEvents(jobId: string): Followed {
  const [state, add] = useReducer(reduceOrReset, EMPTY);
  const [connection, setConnection] = useState<Connection>("connecting");
  const queries = useQueryClient();
  const session = useSession();
  useEffect(() => {
    add(null);
    return follow(jobId, 0, {
      onEvents: (events) => {
        add(events);
        if (events.some((event) => ["state", "end", "phase", "checkpoint"].includes(event.raw.type)))
          void queries.invalidateQueries({ queryKey: ["jobs", jobId] });
      },
      onConnection: setConnection,
      onRefused: () => session.check(),
    });
  }, [jobId, queries, session]);
  return { state, connection };
}

function reduceOrReset(before: JobState, events: readonly NumberedEvent[] | null): JobState {
  return events === null ? EMPTY : reduce(before, events);
}

/** The document of a job. */
export function useJob(jobId: string) {
  return useQuery({
    queryKey: ["jobs", jobId],
    queryFn: () => got(api.GET("/v1/jobs/{job_id}", { params: { path: { job_id: jobId } } })),
  });
}
