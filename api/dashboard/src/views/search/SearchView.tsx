/** A search as it runs: its fronts, their hypervolume, and all candidates, linked by brushes and selection. */
import { useCallback, useMemo } from "react";
import { useParams, useSearchParams } from "react-router";

import type { Span } from "../../charts/axis";
import { metricOf, metricTitle } from "../../job/metric";
import { useJob } from "../../job/useJob";
import { announce } from "../../ui/announce";
import { Empty, Loading } from "../../ui/Notice";
import { useFollowed, useJobTitle } from "../job/JobLayout";
import { brushesOf, type ChartName, endsOf, read, type SearchAddress, toggled, write } from "./address";
import { CandidateTable } from "./CandidateTable";
import { Controls } from "./Controls";
import { choicesOf, type Dimension, LATENCY, metricDimension, objectivesOf } from "./dimensions";
import { finalModelsOf } from "./finalModels";
import { FinalistTable } from "./FinalistTable";
import { FrontPanel } from "./FrontPanel";
import { HypervolumeChart } from "./HypervolumeChart";
import { trainedNetwork, trainedNetworks } from "./networks";
import { ParallelPanel } from "./ParallelPanel";
import { looksOf, onFront, rowsOf } from "./rows";
import "./search.css";
import { Selection } from "./Selection";
import { useThrottled } from "./throttled";
import { useUpdateTiming } from "./timing";
import { TrustNotes } from "./TrustNotes";

const SLOWER_MS = 500;

export function SearchView() {
  return (
    <>
      <h1>Search</h1>
      <Search />
    </>
  );
}

function Search() {
  const { jobId = "" } = useParams<"jobId">();
  const { state, connection } = useFollowed();
  const { data: job } = useJob(jobId);
  const [params, setParams] = useSearchParams();
  const shown = useMemo(() => read(params), [params]);
  useJobTitle("Search");
  useUpdateTiming(state.candidates);

  // From the address as it is now: two keys may be pressed before React has drawn once.
  const update = useCallback(
    (next: (now: SearchAddress) => Partial<SearchAddress>) => {
      const now = read(new URLSearchParams(window.location.search));
      setParams(write({ ...now, ...next(now) }), { replace: true, preventScrollReset: true });
    },
    [setParams],
  );
  const change = useCallback((part: Partial<SearchAddress>) => update(() => part), [update]);
  const select = useCallback(
    (id: string) => {
      announce(`${id} is ${shown.selected.includes(id) ? "deselected" : "selected"}`);
      update(({ selected }) => ({ selected: toggled(selected, id) }));
    },
    [shown.selected, update],
  );
  const brush = useCallback(
    (ranges: readonly (readonly [Dimension, Span | null])[]) =>
      update((now) => {
        const all = new Map(now.brushes);
        for (const [dimension, range] of ranges) {
          const ends = range && endsOf(dimension, range[0], range[1]);
          if (ends === null) all.delete(dimension.id);
          else all.set(dimension.id, ends);
        }
        return { brushes: all };
      }),
    [update],
  );

  // The front keeps up with each event; what lies below it follows twice a second.
  const throttled = useThrottled(state.candidates, SLOWER_MS);
  const later = throttled.length === 0 ? state.candidates : throttled;
  const { fronts: estimates, trainedFronts, finalists } = state;
  const { name, higher_is_better } = metricOf(job, state.candidates[0]?.metric ?? finalists[0]?.metric);
  const metric = useMemo(() => metricDimension({ name, higher_is_better }), [name, higher_is_better]);
  const known = useMemo(() => [...new Set([...Object.keys(estimates), ...finalists.map(({ target }) => target)])], [estimates, finalists]);
  const rows = useMemo(() => rowsOf(state.candidates, known), [state.candidates, known]);
  const rowsLater = useMemo(() => rowsOf(later, known), [later, known]);
  const objectives = useMemo(() => objectivesOf(state.candidates, metric), [state.candidates, metric]);
  const dimensions = useMemo(() => [...objectivesOf(later, metric), ...choicesOf(later)], [later, metric]);
  const brushes = useMemo(() => brushesOf(shown, dimensions), [shown, dimensions]);
  const looks = useMemo(() => looksOf(rows, { target: shown.target, asOf: shown.asOf, brushes }), [rows, shown.target, shown.asOf, brushes]);
  const looksLater = useMemo(
    () => looksOf(rowsLater, { target: shown.target, asOf: shown.asOf, brushes }),
    [rowsLater, shown.target, shown.asOf, brushes],
  );
  const front = useMemo(() => onFront(rowsLater, metric), [rowsLater, metric]);
  // Networks are trained after all evaluations.
  const networks = useMemo(
    () => (shown.asOf === null ? trainedNetworks(rows, trainedFronts, shown.target) : []),
    [rows, trainedFronts, shown.asOf, shown.target],
  );
  const finalModels = useMemo(
    () =>
      finalModelsOf(job?.result, rows, (target, id) => trainedNetwork(rows, trainedFronts, finalists, target, id)).filter(
        ({ target }) => shown.target === null || shown.target === target,
      ),
    [job?.result, rows, trainedFronts, finalists, shown.target],
  );
  const evaluations = useMemo(() => later.reduce((most, one) => Math.max(most, one.number + 1), 0), [later]);

  if (rows.candidates.length === 0 && finalists.length === 0)
    return <Nothing loading={connection === "connecting"} ended={state.ended} kind={job?.kind} supernet={state.plan?.supernet ?? true} />;

  const chart = (name: ChartName) => ({
    asTable: shown.tables.includes(name),
    onAsTable: (asTable: boolean) => change({ tables: asTable ? [...shown.tables, name] : shown.tables.filter((one) => one !== name) }),
  });
  const x = objectives.find(({ id }) => id === shown.x) ?? LATENCY;
  const y = objectives.find(({ id }) => id === shown.y) ?? metric;
  return (
    <div className="search-view">
      <Controls shown={shown} targets={rows.targets} objectives={objectives} evaluations={evaluations} onChange={change} />
      <div className="search-charts">
        <FrontPanel
          rows={rows}
          looks={looks}
          x={x}
          y={y}
          logX={shown.logX}
          logY={shown.logY}
          estimates={estimates}
          trainedFronts={trainedFronts}
          networks={networks}
          only={shown.target}
          finalModels={finalModels}
          selected={shown.selected}
          onSelect={select}
          onBrush={(box) =>
            brush([
              [x, box.x],
              [y, box.y],
            ])
          }
          {...chart("front")}
        />
        <div className="search-side">
          <Selection jobId={jobId} selected={shown.selected} onSelect={select} onClear={() => change({ selected: [] })} />
          {Object.keys(estimates).length > 0 && metric.highest && (
            <HypervolumeChart rows={rowsLater} fronts={estimates} metric={metric} target={shown.target} {...chart("hypervolume")} />
          )}
        </div>
      </div>
      {finalists.length > 0 && (
        <section>
          <h2>Finalists</h2>
          <TrustNotes result={job?.result} />
          <FinalistTable finalists={finalists} trainedFronts={trainedFronts} metric={metricTitle(name)} selected={shown.selected} onSelect={select} jobId={jobId} />
        </section>
      )}
      {rowsLater.candidates.length > 0 && (
        <>
          <ParallelPanel
            rows={rowsLater}
            looks={looksLater}
            dimensions={dimensions}
            axes={shown.axes}
            onAxes={(axes) => change({ axes })}
            brushes={brushes}
            onBrush={(dimension, range) => brush([[dimension, range]])}
            selected={shown.selected}
            {...chart("parallel")}
          />
          <section>
            <h2>Candidates</h2>
            <CandidateTable
              rows={rowsLater}
              looks={looksLater}
              onFront={front}
              objectives={objectives}
              metric={metricTitle(name)}
              estimated={Object.keys(estimates).length > 0}
              sort={shown.sort}
              onSort={({ column, descending }) => change({ sort: { column, descending } })}
              selected={shown.selected}
              onSelect={select}
              jobId={jobId}
            />
          </section>
        </>
      )}
    </div>
  );
}

function Nothing({ loading, ended, kind, supernet }: { loading: boolean; ended: boolean; kind: string | undefined; supernet: boolean }) {
  if (loading) return <Loading what="Loading the candidates" />;
  if (kind !== undefined && kind !== "search")
    return (
      <Empty title="This job is not a search">
        <p>Only search jobs evaluate candidates.</p>
      </Empty>
    );
  return (
    <Empty title={ended ? "No candidate was evaluated" : "No candidate was evaluated yet"}>
      <p>
        {ended
          ? "The job ended before its search started."
          : supernet
            ? "The search starts when the supernet is trained. Candidates appear here as they are evaluated."
            : "This search has no supernet. Candidates appear here as they are evaluated."}
      </p>
    </Empty>
  );
}
