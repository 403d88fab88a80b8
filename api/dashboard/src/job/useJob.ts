/** A job as it is now, and as it changes: its document from the API, the state that its events add up to, and the connection. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useReducer, useRef, useState } from "react";

import { api, gotAs } from "../api/client";
import { type Connection, follow } from "../api/follow";
import { useSession } from "../app/session";
import { hasEnded, type Job } from "./describe";
import { EMPTY, type JobState, reduce } from "./state";

export interface Followed {
  state: JobState;
  connection: Connection;
}

const CHANGE_THE_JOB = ["state", "end", "phase", "checkpoint"];

/** What the events of a job add up to, from its first one on. A component that uses it has the job's id as its key. */
export function useJobEvents(jobId: string): Followed {
  const [state, add] = useReducer(reduce, EMPTY);
  const [connection, setConnection] = useState<Connection>("connecting");
  const last = useRef(0);
  const queries = useQueryClient();
  const { who, check } = useSession();
  const signedIn = who != null;
  useEffect(() => {
    // After signing in again, the stream resumes where it was lost.
    if (!signedIn) return;
    return follow(jobId, last.current, {
      onEvents: (events) => {
        last.current = events.at(-1)?.seq ?? last.current;
        add(events);
        if (events.some((event) => CHANGE_THE_JOB.includes(event.raw.type)))
          void queries.invalidateQueries({ queryKey: ["jobs", jobId] });
      },
      onConnection: setConnection,
      onRejected: () => void check(),
    });
  }, [jobId, queries, signedIn, check]);
  return { state, connection };
}

export const REFETCH_EVERY_MS = 5000;

/** The document of a job; fetched again while it may change. */
export function useJob(jobId: string) {
  return useQuery({
    queryKey: ["jobs", jobId],
    queryFn: () => gotAs<Job>(api.GET("/v1/jobs/{job_id}", { params: { path: { job_id: jobId } } })),
    refetchInterval: ({ state }) => (state.data && hasEnded(state.data.state) ? false : REFETCH_EVERY_MS),
  });
}
