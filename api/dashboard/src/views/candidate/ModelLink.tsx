/** The link to a final model, with its metric. */
import { Link } from "react-router";

import { metricText, metricTitle } from "../../job/metric";
import type { ExportedModel } from "./exported";

export function ModelLink({ model }: { model: ExportedModel }) {
  const { int8 } = model.metric;
  return (
    <>
      <Link to={`/models/${model.model_id}`}>the model</Link>, INT8 {metricTitle(int8.name)} {metricText(int8)} <span className="kind">measured, test set</span>
    </>
  );
}
