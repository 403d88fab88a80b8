/** What can be done with a job: each as a mutation, after which every list and view of it is fetched again. */
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { api, got, gotAs } from "../api/client";
import { ProblemError } from "../api/problem";
import { announce } from "../ui/announce";
import type { Job } from "./describe";

export type Verb = "pause" | "resume" | "cancel";

/** Pause, resume, cancel. */
export function useChangeState(jobId: string) {
  const queries = useQueryClient();
  const params = { path: { job_id: jobId } };
  return useMutation({
    mutationFn: (verb: Verb) => {
      switch (verb) {
        case "pause":
          return got(api.POST("/v1/jobs/{job_id}/pause", { params }));
        case "resume":
          return got(api.POST("/v1/jobs/{job_id}/resume", { params }));
        case "cancel":
          return got(api.POST("/v1/jobs/{job_id}/cancel", { params }));
      }
    },
    onSuccess: (job) => announce(`The job is ${job.state}`),
    onSettled: () => queries.invalidateQueries({ queryKey: ["jobs"] }),
  });
}

export function useDelete(jobId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => got(api.DELETE("/v1/jobs/{job_id}", { params: { path: { job_id: jobId } } })),
    onSuccess: () => {
      announce("The job is deleted");
      queries.removeQueries({ queryKey: ["jobs", jobId] });
      return queries.invalidateQueries({ queryKey: ["jobs", "list"] });
    },
  });
}

/** Submits the same work again. What the job computed is stored, so that the new one resumes from it. */
export function useTryAgain(job: Job) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => {
      const body = { spec: job.spec, labels: job.labels, max_duration_s: job.max_duration_s };
      return gotAs<Job>(api.POST("/v1/jobs", { body }));
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["jobs", "list"] }),
  });
}

export type Labels = Readonly<Record<string, string>>;

/** Someone else changed the labels while they were edited. */
export class LabelsChanged extends Error {
  override readonly name = "LabelsChanged";

  constructor(readonly labels: Labels) {
    super("Someone else has changed the labels. The current ones are shown below; edit them again.");
  }
}

const TRIES = 5;

/**
 * Sets the labels of a job to `wanted`, unless they are no longer as they were `seen`. A running job gets a new version with every
 * bit of progress, so that a version which moved on for another reason than its labels is no conflict.
 */
export async function saveLabels(jobId: string, seen: Labels, wanted: Labels): Promise<Job> {
  const path = { job_id: jobId };
  for (let tries = 1; ; tries += 1) {
    const answer = await api.GET("/v1/jobs/{job_id}", { params: { path } });
    const now = await got(Promise.resolve(answer));
    if (!same(now.labels, seen)) throw new LabelsChanged(now.labels);
    const removed = Object.keys(seen).filter((key) => !(key in wanted));
    const labels = { ...Object.fromEntries(removed.map((key) => [key, null])), ...wanted };
    const version = answer.response.headers.get("etag") ?? "*";
    try {
      return await gotAs<Job>(api.PATCH("/v1/jobs/{job_id}", { params: { path, header: { "if-match": version } }, body: { labels } }));
    } catch (error) {
      const moved = error instanceof ProblemError && error.problem.status === 412;
      if (!moved || tries === TRIES) throw error;
    }
  }
}

function same(one: Labels, other: Labels): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
