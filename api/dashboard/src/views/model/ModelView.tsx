/** A final model: its figures, its files, its usage and its provenance. */
import { Link, useParams } from "react-router";

import { moment } from "../../ui/format";
import { Loading, Notice } from "../../ui/Notice";
import { ProblemNotice } from "../../ui/Problem";
import { useTitle } from "../../ui/useTitle";
import { Card } from "./Card";
import { Classes } from "./Classes";
import { DeleteModel } from "./DeleteModel";
import { Latencies, Precisions } from "./Figures";
import { Files } from "./Files";
import "./model.css";
import { Provenance } from "./Provenance";
import { SearchReport } from "./SearchReport";
import { Usage } from "./Usage";
import { type Model, useModel } from "./useModel";

export function ModelView() {
  const { modelId = "" } = useParams<"modelId">();
  const found = useModel(modelId);
  useTitle("Model", found.data?.model.target ?? modelId);
  return (
    <div className="model-view">
      <h1 tabIndex={-1}>{found.data ? `Model for ${found.data.model.target}` : "Model"}</h1>
      {found.isError && <ProblemNotice error={found.error} again={() => void found.refetch()} />}
      {found.isPending && <Loading />}
      {found.data && <Shown model={found.data.model} etag={found.data.etag} />}
    </div>
  );
}

function Shown({ model, etag }: { model: Model; etag: string | null }) {
  return (
    <>
      <Head model={model} etag={etag} />
      <div className="columns">
        <div>
          <section aria-labelledby="figures-title">
            <h2 id="figures-title">INT8 compared with FP32</h2>
            <Precisions model={model} />
          </section>
          <section aria-labelledby="latency-title">
            <h2 id="latency-title">Latency</h2>
            <Latencies model={model} />
          </section>
          {model.test && (
            <section aria-labelledby="classes-title">
              <h2 id="classes-title">Results by class</h2>
              <Classes test={model.test} />
            </section>
          )}
          {(model.cost ?? model.trust) && (
            <section aria-labelledby="search-title">
              <h2 id="search-title">The search</h2>
              <SearchReport cost={model.cost} trust={model.trust} />
            </section>
          )}
          <Removed model={model} />
        </div>
        <div>
          <section aria-labelledby="files-title">
            <h2 id="files-title">Files</h2>
            <Files artifacts={model.artifacts} />
          </section>
          <section aria-labelledby="usage-title">
            <h2 id="usage-title">Usage</h2>
            <Usage model={model} />
          </section>
          <section aria-labelledby="provenance-title">
            <h2 id="provenance-title">Provenance</h2>
            <Provenance model={model} />
          </section>
        </div>
      </div>
      <section aria-labelledby="card-title">
        <h2 id="card-title">Model card</h2>
        <Card model={model} />
      </section>
    </>
  );
}

function Head({ model, etag }: { model: Model; etag: string | null }) {
  return (
    <div className="toolbar model-head">
      <span className="small quiet">
        <code>{model.id}</code>, exported {moment(model.created_at)}
        {model.job_id === null ? (
          ", by a job that was deleted"
        ) : (
          <>
            {" "}
            by <Link to={`/jobs/${model.job_id}`}>this job</Link>, <Link to={`/jobs/${model.job_id}/candidates?ids=${model.architecture_id}`}>candidate {model.architecture_id}</Link>
          </>
        )}
      </span>
      <span className="push">
        <DeleteModel model={model} etag={etag} />
      </span>
    </div>
  );
}

function Removed({ model }: { model: Model }) {
  if (model.removed.length === 0) return null;
  return (
    <Notice>
      <p>Unsupported options removed from the search space:</p>
      <ul>
        {model.removed.map((one) => (
          <li key={`${one.choice} ${String(one.value)}`}>
            {one.choice} = {String(one.value)}: {one.reason}
          </li>
        ))}
      </ul>
    </Notice>
  );
}
