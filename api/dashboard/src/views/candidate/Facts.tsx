/** The figures of candidates beside each other, with what the others differ by from the first. */
import type { ReactNode } from "react";

import type { Schemas } from "../../api/client";
import { metricDifference, metricFormat, metricText } from "../../job/metric";
import { bytes, count, latency, significant } from "../../ui/format";
import { Latency } from "../../ui/Quantity";
import { TableRegion } from "../../ui/TableRegion";
import { Export } from "./Export";
import { ModelLink } from "./ModelLink";

export type Candidate = Schemas["CandidateDocument"];
type OfTarget = Candidate["targets"][number];

interface Row {
  name: ReactNode;
  key: string;
  /** For differences; null where a candidate has no such number. */
  values: (number | null)[];
  shown: ReactNode[];
  /** How a value differs from the first one's; in percent of it when absent. */
  delta?: (value: number, first: number) => string;
}

interface Props {
  candidates: readonly Candidate[];
  /** The title of what networks are compared by. */
  metric: string;
  /** Whether it is estimated before fine-tuning. */
  estimated: boolean;
  head: (candidate: Candidate) => ReactNode;
}

export function Facts({ candidates, metric, estimated, head }: Props) {
  const rows = [...rowsOfAll(candidates, metric, estimated), ...targetNames(candidates).flatMap((target) => rowsOfTarget(candidates, target, metric))];
  return (
    <TableRegion label="Figures">
      <table className="candidate-facts">
        <caption>
          {candidates.length > 1 ? "In parentheses: the difference from the first candidate. ≠ marks rows that differ." : "Figures of the candidate, INT8, batch 1."}
        </caption>
        <thead>
          <tr>
            <td />
            {candidates.map((candidate) => (
              <th key={candidate.architecture_id} scope="col">
                {head(candidate)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const differs = new Set(row.values).size > 1;
            return (
              <tr key={row.key} className={differs ? "differs" : undefined}>
                <th scope="row">
                  {row.name} {differs && <abbr title="differs">≠</abbr>}
                </th>
                {row.shown.map((shown, index) => (
                  <td key={index}>
                    {shown} <Delta of={row.values[index]} from={index === 0 ? null : row.values[0]} words={row.delta ?? inPercent} />
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </TableRegion>
  );
}

function Delta({ of, from, words }: { of: number | null | undefined; from: number | null | undefined; words: (value: number, first: number) => string }) {
  if (of == null || from == null || of === from) return null;
  return <span className="kind nowrap">({words(of, from)})</span>;
}

function inPercent(value: number, first: number): string {
  return first === 0 ? "" : `${signed((value / first - 1) * 100, 2)} %`;
}

function signed(value: number, digits: number): string {
  return `${value < 0 ? "−" : "+"}${significant(Math.abs(value), digits)}`;
}

function row(key: string, name: ReactNode, values: (number | null)[], show: (value: number, index: number) => ReactNode): Row {
  return { key, name, values, shown: values.map((value, index) => (value === null ? "–" : show(value, index))) };
}

/** All candidates of a job have one metric. */
function metricNameOf(candidates: readonly Candidate[]): string {
  return candidates[0]?.metric.name ?? "";
}

function rowsOfAll(candidates: readonly Candidate[], metric: string, estimated: boolean): Row[] {
  const network = (pick: (network: NonNullable<Candidate["network"]>) => number) =>
    candidates.map((one) => (one.network ? pick(one.network) : null));
  const name = metricNameOf(candidates);
  return [
    {
      ...row(
        "metric",
        <>
          INT8 {metric} <small>validation set, {estimated ? "estimated before fine-tuning" : "after fine-tuning"}</small>
        </>,
        candidates.map((one) => one.metric.value),
        metricFormat(name),
      ),
      delta: (value: number, first: number) => metricDifference(name, value, first),
    },
    row("macs", <>MACs <small>counted</small></>, network((one) => one.macs), (value) => count(value)),
    row("params", <>Parameters <small>counted</small></>, network((one) => one.params), (value) => count(value)),
    row("bytes", <>Weights <small>counted</small></>, network((one) => one.weight_bytes), (value) => bytes(value)),
    row("peak", <>Peak memory <small>estimated</small></>, network((one) => one.peak_memory_bytes), (value) => bytes(value)),
  ];
}

function rowsOfTarget(candidates: readonly Candidate[], target: string, metric: string): Row[] {
  const of = candidates.map((one) => one.targets.find((each) => each.target === target));
  const name = (what: string) => (
    <>
      {what} <small>{target}</small>
    </>
  );
  const rows = [
    {
      ...row(`${target}/trained`, name(`INT8 ${metric}, trained as a finalist`), of.map((one) => one?.finalists.at(-1)?.metric.value ?? null), (_, index) => {
        const last = of[index]?.finalists.at(-1);
        return (
          last && (
            <>
              {metricText(last.metric)}{" "}
              <span className="kind">
                ± {metricFormat(last.metric.name)(last.standard_error)}, validation set, after {last.images.toLocaleString("en")} training images
              </span>
            </>
          )
        );
      }),
      delta: (value: number, first: number) => metricDifference(metricNameOf(candidates), value, first),
    },
    row(`${target}/predicted`, name("Predicted"), of.map((one) => one?.prediction?.latency_ms ?? one?.evaluation?.latency_ms[target] ?? null), (value, index) => (
      <Latency ms={value} kind={of[index]?.prediction?.kind ?? "predicted"} error={of[index]?.prediction?.error} />
    )),
    row(`${target}/simulated`, name("Simulated"), of.map((one) => one?.prediction?.simulated_ms ?? null), (value) => <Latency ms={value} kind="simulated" />),
    row(`${target}/measured`, name("Measured"), of.map((one) => best(one)?.latency_ms ?? null), (value, index) => {
      const found = best(of[index]);
      return (
        <>
          <Latency ms={value} kind={found?.kind ?? "measured"} />{" "}
          <span className="kind">
            of {found?.of === "file" ? "the final model" : "the network with random weights"}, p50 {latency(found?.p50_ms ?? 0)}, p95 {latency(found?.p95_ms ?? 0)}
          </span>
        </>
      );
    }),
  ];
  const exported = {
    key: `${target}/model`,
    name: name("Final model"),
    values: [],
    shown: of.map((one, index) =>
      one?.model ? (
        <ModelLink model={one.model} />
      ) : one === undefined ? (
        "–"
      ) : (
        <Export jobId={candidates[index]?.job_id ?? ""} architectureId={candidates[index]?.architecture_id ?? ""} target={target} />
      ),
    ),
  };
  return [...rows.filter((one) => one.values.some((value) => value !== null)), exported];
}

/** The final model's measurement where there is one, else the newest of the candidate. */
function best(one: OfTarget | undefined) {
  return one?.measurements.findLast((each) => each.of === "file") ?? one?.measurements.at(-1);
}

export function targetNames(candidates: readonly Candidate[]): string[] {
  return [...new Set(candidates.flatMap((one) => one.targets.map((each) => each.target)))];
}
