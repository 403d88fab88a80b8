/** Events of a job by pages: the same events under the same numbers as in the stream. */
import * as v from "valibot";

import { api, got } from "./client";
import { type NumberedEvent, readEvent } from "./events";

const Page = v.object({ items: v.array(v.unknown()), next_after: v.number(), ended: v.boolean() });

export interface EventPage {
  events: NumberedEvent[];
  /** The page after this number has what follows. */
  next: number;
  /** Whether nothing will ever follow. */
  ended: boolean;
}

/** @throws ProblemError, AwayError */
export async function eventPage(jobId: string, after: number, size: number): Promise<EventPage> {
  const params = { path: { job_id: jobId }, query: { after, page_size: size } };
  const page = v.parse(Page, await got<unknown>(api.GET("/v1/jobs/{job_id}/events", { params })));
  return { events: page.items.map(readEvent), next: page.next_after, ended: page.ended };
}
