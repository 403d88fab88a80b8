/**
 * Networks that were trained, quantised and judged. Each stands as a candidate whose accuracy is that of the trained network and
 * whose latency is that of its network, so that it has a place in whatever dimensions candidates are drawn in.
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

type Judged = Pick<FrontPoint, "architecture" | "architecture_id" | "accuracy" | "latency_ms" | "kind">;

/** The networks on the front of each target, the fastest first; `only` is the one target that is looked at. */
export function finishedNetworks(rows: Rows, finished: Readonly<Record<string, FrontEvent>>, only: string | null): Network[] {
  return Object.values(finished).flatMap(({ target, points }) =>
    only === null || only === target ? points.map((point) => network(rows, target, point)) : [],
  );
}

/** An architecture as it was judged last on a target: on the finished front, else in its last round; null where it was not. */
export function trained(
  rows: Rows,
  finished: Readonly<Record<string, FrontEvent>>,
  finalists: readonly FinalistEvent[],
  target: string,
  id: string,
): Network | null {
  const point = finished[target]?.points.find((one) => one.architecture_id === id);
  const judged = point ?? finalists.find((one) => one.target === target && one.architecture_id === id);
  return judged === undefined ? null : network(rows, target, judged);
}

/** Those of some networks of each target that no other of them beats in two dimensions, the lowest x first. */
export function frontOf(networks: readonly Network[], x: Dimension, y: Dimension): Network[] {
  if (x.values !== null || y.values !== null || x.id === y.id || x.highest) return [];
  const xs = networks.map(({ as }) => x.of(as));
  const ys = networks.map(({ as }) => (y.highest ? y.of(as) : -y.of(as)));
  const targets = [...new Set(networks.map(({ target }) => target))];
  return targets.flatMap((target) => pareto(xs, ys, (index) => networks[index]?.target === target).flatMap((index) => networks[index] ?? []));
}

function network({ candidates, targets }: Rows, target: string, { kind, accuracy, latency_ms, architecture, architecture_id }: Judged): Network {
  const candidate = candidates.find((one) => one.architecture_id === architecture_id && targetOf(one) === target);
  const known: CandidateEvent = candidate ?? {
    type: "candidate", number: -1, architecture, architecture_id, accuracy, latency_ms: {}, feasible: {},
    choices: null, macs: null, params: null, weight_bytes: null, peak_memory_bytes: null,
  };
  const as = { ...known, accuracy, latency_ms: { [target]: latency_ms } };
  return { target, series: Math.max(0, targets.indexOf(target)), as, kind };
}
