/** All models, newest first; further pages on request. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { api, got, type Schemas } from "../../api/client";
import { metricText, metricTitle } from "../../job/metric";
import { bytes, latency, moment } from "../../ui/format";
import { Empty, Loading } from "../../ui/Notice";
import { ProblemNotice } from "../../ui/Problem";
import { TableRegion } from "../../ui/TableRegion";
import { useTitle } from "../../ui/useTitle";

type Page = Schemas["ModelPage"];

export function ModelsView() {
  useTitle("Models");
  const pages = useInfiniteQuery({
    queryKey: ["models", "list"],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam }) => got(api.GET("/v1/models", { params: { query: { page_token: pageParam } } })) as Promise<Page>,
    getNextPageParam: (last) => last.next_page_token,
  });
  const models = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <h1 tabIndex={-1}>Models</h1>
      {pages.isError && <ProblemNotice error={pages.error} again={() => void pages.refetch()} />}
      {pages.isPending && <Loading />}
      {pages.isSuccess && models.length === 0 && (
        <Empty title="No models yet">
          <p>
            A search exports one model for each of its targets. <Link to="/new">Start a search</Link>
          </p>
        </Empty>
      )}
      {models.length > 0 && <ModelTable models={models} />}
      {pages.hasNextPage && (
        <p>
          <button type="button" aria-disabled={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            Show more
          </button>
        </p>
      )}
    </>
  );
}

function ModelTable({ models }: { models: Page["items"] }) {
  return (
    <TableRegion label="Models">
      <table>
        <caption>Newest first. Metric on the test set, measured; latency at batch 1.</caption>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col">Target</th>
            <th scope="col" className="numeric">
              INT8 metric
            </th>
            <th scope="col" className="numeric">
              INT8 latency
            </th>
            <th scope="col" className="numeric">
              Budget
            </th>
            <th scope="col" className="numeric">
              INT8 size
            </th>
            <th scope="col">Exported</th>
            <th scope="col">Job</th>
          </tr>
        </thead>
        <tbody>
          {models.map((model) => (
            <ModelRow key={model.id} model={model} />
          ))}
        </tbody>
      </table>
    </TableRegion>
  );
}

function ModelRow({ model }: { model: Page["items"][number] }) {
  const { latency_ms: took, metric: { int8 } } = model;
  return (
    <tr>
      <th scope="row" className="nowrap">
        <Link to={`/models/${model.id}`}>
          <code>…{model.id.slice(-8)}</code>
        </Link>
      </th>
      <td className="nowrap">{model.target}</td>
      <td className="numeric nowrap">
        {metricText(int8)} <span className="kind">{metricTitle(int8.name)}</span>
      </td>
      <td className="numeric nowrap">
        {latency(took.measured ?? took.simulated ?? took.predicted)} <span className="kind">{took.measured == null && took.simulated == null ? "predicted" : took.kind}</span>
      </td>
      <td className="numeric nowrap">
        {latency(took.budget)} <span className="kind">{model.verdict}</span>
      </td>
      <td className="numeric nowrap">{bytes(model.size_bytes.int8)}</td>
      <td className="nowrap">{moment(model.created_at)}</td>
      <td>{model.job_id === null ? "deleted" : <Link to={`/jobs/${model.job_id}`}>…{model.job_id.slice(-8)}</Link>}</td>
    </tr>
  );
}
