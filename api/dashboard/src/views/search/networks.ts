/**
 * Networks that were trained, quantised and evaluated. Each is a candidate with the metric and the latency of the trained network,
 * so that it has a place in whatever dimensions candidates are drawn in.
 */
import type { CandidateEvent, FinalistEvent, FrontEvent, FrontPoint } from "../../api/events";
import { pareto } from "../../charts/front";
import { type Dimension, targetOf } from "./dimensions";
import type { Rows } from "./rows";

export interface Network {
  target: string;
  series: number;
  as: CandidateEvent;
  /** How its latency came about. */
  kind: FrontPoint["kind"];
}

type Evaluated = Pick<FrontPoint, "architecture" | "architecture_id" | "metric" | "latency_ms" | "kind">;

/** The networks on the front of each target, the fastest first; `only` is the one target that is looked at. */
export function trainedNetworks(rows: Rows, trainedFronts: Readonly<Record<string, FrontEvent>>, only: string | null): Network[] {
  return Object.values(trainedFronts).flatMap(({ target, points }) =>
    only === null || only === target ? points.map((point) => network(rows, target, point)) : [],
  );
}

/** An architecture as it was evaluated last on a target: on the front of trained networks, else in its last round; null where it was not trained. */
export function trainedNetwork(
  rows: Rows,
  trainedFronts: Readonly<Record<string, FrontEvent>>,
  finalists: readonly FinalistEvent[],
  target: string,
  id: string,
): Network | null {
  const point = trainedFronts[target]?.points.find((one) => one.architecture_id === id);
  const evaluated = point ?? finalists.find((one) => one.target === target && one.architecture_id === id);
  return evaluated === undefined ? null : network(rows, target, evaluated);
}

/** Those of some networks of each target that no other of them beats in two dimensions, the lowest x first. */
export function frontOf(networks: readonly Network[], x: Dimension, y: Dimension): Network[] {
  if (x.values !== null || y.values !== null || x.id === y.id || x.highest) return [];
  const xs = networks.map(({ as }) => x.of(as));
  const ys = networks.map(({ as }) => (y.highest ? y.of(as) : -y.of(as)));
  const targets = [...new Set(networks.map(({ target }) => target))];
  return targets.flatMap((target) => pareto(xs, ys, (index) => networks[index]?.target === target).flatMap((index) => networks[index] ?? []));
}

function network({ candidates, targets }: Rows, target: string, { kind, metric, latency_ms, architecture, architecture_id }: Evaluated): Network {
  const candidate = candidates.find((one) => one.architecture_id === architecture_id && targetOf(one) === target);
  const known: CandidateEvent = candidate ?? {
    type: "candidate", number: -1, architecture, architecture_id, metric, latency_ms: {}, feasible: {},
    choices: null, macs: null, params: null, weight_bytes: null, peak_memory_bytes: null,
  };
  const as = { ...known, metric, latency_ms: { [target]: latency_ms } };
  return { target, series: Math.max(0, targets.indexOf(target)), as, kind };
}
