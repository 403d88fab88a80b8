/** Of an architecture that the search evaluated and did not deliver: the export that does so or did, or the button that queues one. */
import { Link } from "react-router";

import { stateText } from "../../job/describe";
import { modelOf } from "./exported";
import { FinishButton } from "./FinishButton";
import { ModelLink } from "./ModelLink";
import { useExport } from "./useExport";

export function Finish(props: { jobId: string; architectureId: string; target: string }) {
  const { job, isPending } = useExport(props.jobId, props.architectureId, props.target);
  if (isPending) return null;
  if (job === null) return <FinishButton {...props} />;
  const model = modelOf(job);
  return model === null ? (
    <>
      <Link to={`/jobs/${job.id}`}>being finished</Link> <span className="kind">{stateText(job)}</span>
    </>
  ) : (
    <>
      <ModelLink model={model} />, by an <Link to={`/jobs/${job.id}`}>export</Link>
    </>
  );
}
