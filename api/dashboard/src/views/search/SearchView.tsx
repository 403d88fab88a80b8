/** A search as it runs: its fronts, how they grew, and all candidates, linked by what is brushed and selected. */
import { useCallback, useMemo } from "react";
import { useParams, useSearchParams } from "react-router";

import type { Span } from "../../charts/axis";
import { metricOf } from "../../job/metric";
import { useJob } from "../../job/useJob";
import { announce } from "../../ui/announce";
import { Empty, Loading } from "../../ui/Notice";
import { useFollowed, useJobTitle } from "../job/JobLayout";
import { brushesOf, type ChartName, endsOf, read, type Seen, toggled, write } from "./address";
import { useCalm } from "./calm";
import { CandidateTable } from "./CandidateTable";
import { Controls } from "./Controls";
import { deliveredOf } from "./delivered";
import { ACCURACY, choicesOf, type Dimension, LATENCY, objectivesOf } from "./dimensions";
import { FinalistTable } from "./FinalistTable";
import { FrontPanel } from "./FrontPanel";
import { HypervolumeChart } from "./HypervolumeChart";
import { finishedNetworks, trained } from "./networks";
import { ParallelPanel } from "./ParallelPanel";
import { looksOf, onFront, rowsOf } from "./rows";
import "./search.css";
import { Selection } from "./Selection";
import { useUpdateTiming } from "./timing";

const CALM_MS = 500;

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
  const seen = useMemo(() => read(params), [params]);
  useJobTitle("Search");
  useUpdateTiming(state.candidates);

  // From the address as it is now: two keys may be pressed before React has drawn once.
  const update = useCallback(
    (next: (now: Seen) => Partial<Seen>) => {
      const now = read(new URLSearchParams(window.location.search));
      setParams(write({ ...now, ...next(now) }), { replace: true, preventScrollReset: true });
    },
    [setParams],
  );
  const change = useCallback((part: Partial<Seen>) => update(() => part), [update]);
  const choose = useCallback(
    (id: string) => {
      announce(seen.selected.includes(id) ? `${id} is not selected any more` : `${id} is selected`);
      update(({ selected }) => ({ selected: toggled(selected, id) }));
    },
    [seen.selected, update],
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
  const calm = useCalm(state.candidates, CALM_MS);
  const later = calm.length === 0 ? state.candidates : calm;
  const { fronts: estimates, finished, finalists } = state;
  const metric = metricOf(job);
  const known = useMemo(() => [...new Set([...Object.keys(estimates), ...finalists.map(({ target }) => target)])], [estimates, finalists]);
  const rows = useMemo(() => rowsOf(state.candidates, known), [state.candidates, known]);
  const rowsLater = useMemo(() => rowsOf(later, known), [later, known]);
  const objectives = useMemo(() => objectivesOf(state.candidates, metric), [state.candidates, metric]);
  const dimensions = useMemo(() => [...objectivesOf(later, metric), ...choicesOf(later)], [later, metric]);
  const brushes = useMemo(() => brushesOf(seen, dimensions), [seen, dimensions]);
  const looks = useMemo(() => looksOf(rows, { target: seen.target, asOf: seen.asOf, brushes }), [rows, seen.target, seen.asOf, brushes]);
  const looksLater = useMemo(
    () => looksOf(rowsLater, { target: seen.target, asOf: seen.asOf, brushes }),
    [rowsLater, seen.target, seen.asOf, brushes],
  );
  const front = useMemo(() => onFront(rowsLater), [rowsLater]);
  // What was finished is newer than any query.
  const networks = useMemo(
    () => (seen.asOf === null ? finishedNetworks(rows, finished, seen.target) : []),
    [rows, finished, seen.asOf, seen.target],
  );
  const delivered = useMemo(
    () =>
      deliveredOf(job?.result, rows, (target, id) => trained(rows, finished, finalists, target, id)).filter(
        ({ target }) => seen.target === null || seen.target === target,
      ),
    [job?.result, rows, finished, finalists, seen.target],
  );
  const queries = useMemo(() => later.reduce((most, one) => Math.max(most, one.number + 1), 0), [later]);

  if (rows.candidates.length === 0 && finalists.length === 0)
    return <Nothing loading={connection === "connecting"} ended={state.ended} kind={job?.kind} supernet={state.plan?.supernet ?? true} />;

  const chart = (name: ChartName) => ({
    asTable: seen.tables.includes(name),
    onAsTable: (asTable: boolean) => change({ tables: asTable ? [...seen.tables, name] : seen.tables.filter((one) => one !== name) }),
  });
  const x = objectives.find(({ id }) => id === seen.x) ?? LATENCY;
  const y = objectives.find(({ id }) => id === seen.y) ?? ACCURACY;
  return (
    <div className="search-view">
      <Controls seen={seen} targets={rows.targets} objectives={objectives} queries={queries} onChange={change} />
      <div className="search-charts">
        <FrontPanel
          rows={rows}
          looks={looks}
          x={x}
          y={y}
          logX={seen.logX}
          logY={seen.logY}
          estimates={estimates}
          finished={finished}
          networks={networks}
          only={seen.target}
          delivered={delivered}
          selected={seen.selected}
          onChoose={choose}
          onBrush={(box) =>
            brush([
              [x, box.x],
              [y, box.y],
            ])
          }
          {...chart("front")}
        />
        <div className="search-side">
          <Selection jobId={jobId} selected={seen.selected} onChoose={choose} onClear={() => change({ selected: [] })} />
          {Object.keys(estimates).length > 0 && (
            <HypervolumeChart rows={rowsLater} fronts={estimates} target={seen.target} {...chart("hypervolume")} />
          )}
        </div>
      </div>
      {finalists.length > 0 && (
        <section>
          <h2>Finalists</h2>
          <FinalistTable finalists={finalists} finished={finished} metric={metric} selected={seen.selected} onChoose={choose} jobId={jobId} />
        </section>
      )}
      {rowsLater.candidates.length > 0 && (
        <>
          <ParallelPanel
            rows={rowsLater}
            looks={looksLater}
            dimensions={dimensions}
            axes={seen.axes}
            onAxes={(axes) => change({ axes })}
            brushes={brushes}
            onBrush={(dimension, range) => brush([[dimension, range]])}
            selected={seen.selected}
            {...chart("parallel")}
          />
          <section>
            <h2>Candidates</h2>
            <CandidateTable
              rows={rowsLater}
              looks={looksLater}
              onFront={front}
              objectives={objectives}
              metric={metric}
              estimated={Object.keys(estimates).length > 0}
              sort={seen.sort}
              onSort={({ column, descending }) => change({ sort: { column, descending } })}
              selected={seen.selected}
              onChoose={choose}
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
      <Empty title="This job does not search">
        <p>Only jobs of the kind search evaluate candidates.</p>
      </Empty>
    );
  return (
    <Empty title={ended ? "No candidate was evaluated" : "No candidate was evaluated yet"}>
      <p>
        {ended
          ? "The job ended before its search began."
          : supernet
            ? "The search begins when the supernet is trained. Points appear here as they are evaluated."
            : "No supernet is trained in this time: a few networks are. Each appears here after its first round."}
      </p>
    </Empty>
  );
}
