/** Of an architecture that the search evaluated and did not export: its export, or the button that starts one. */
import { Link } from "react-router";

import { stateText } from "../../job/describe";
import { modelOf } from "./exported";
import { ExportButton } from "./ExportButton";
import { ModelLink } from "./ModelLink";
import { useExport } from "./useExport";

export function Export(props: { jobId: string; architectureId: string; target: string }) {
  const { job, isPending } = useExport(props.jobId, props.architectureId, props.target);
  if (isPending) return null;
  if (job === null) return <ExportButton {...props} />;
  const model = modelOf(job);
  return model === null ? (
    <>
      <Link to={`/jobs/${job.id}`}>being exported</Link> <span className="kind">{stateText(job)}</span>
    </>
  ) : (
    <>
      <ModelLink model={model} />, by an <Link to={`/jobs/${job.id}`}>export</Link>
    </>
  );
}
