/** The way to a delivered model, with what it was found to be worth. */
import { Link } from "react-router";

import type { Schemas } from "../../api/client";
import { percent } from "../../ui/format";

export function ModelLink({ model }: { model: Schemas["DeliveredModel"] }) {
  return (
    <>
      <Link to={`/models/${model.model_id}`}>the model</Link>, INT8 {percent(model.accuracy.int8)} <span className="kind">measured, test set</span>
    </>
  );
}
