/** What the views of one job share: its head, the links between them, and one stream of its events. */
import { Outlet, useOutletContext, useParams } from "react-router";

import { type Followed, useJobEvents } from "../../job/useJob";

export function JobLayout() {
  const { jobId } = useParams<"jobId">();
  const followed = useJobEvents(jobId ?? "");
  return <Outlet context={followed} />;
}

/** The events of the job that the view belongs to. */
export function useFollowed(): Followed {
  return useOutletContext<Followed>();
}
