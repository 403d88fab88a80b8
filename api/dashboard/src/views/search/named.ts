/** The points of the fronts with their labels, and the figures of a candidate and of a trained network. */
import type { CandidateEvent } from "../../api/events";
import { type Dimension, LATENCY, targetOf } from "./dimensions";
import type { Network } from "./networks";
import { isFeasible, type Rows } from "./rows";

/** A point of an estimated front. */
export interface FrontLabel {
  /** Among all candidates. */
  index: number;
  candidate: CandidateEvent;
  /** As it is read out. */
  label: string;
}

export function frontLabels({ candidates, targets }: Rows, fronts: readonly (readonly number[])[], x: Dimension, y: Dimension): FrontLabel[] {
  return fronts.flatMap((front, target) =>
    front.flatMap((index, place) => {
      const candidate = candidates[index];
      if (candidate === undefined) return [];
      const of = targets.length > 1 ? ` of ${targets[target] ?? ""}` : "";
      const values = [y, x].map((one) => `${one.label} ${one.format(one.of(candidate))}`).join(", ");
      return [{ index, candidate, label: `Point ${place + 1} of ${front.length} on the estimated front${of}: ${candidate.architecture_id}, ${values}` }];
    }),
  );
}

/** A point of a front of trained networks, as it is read out. */
export function networkLabel(front: readonly Network[], network: Network, x: Dimension, y: Dimension): string {
  const mine = front.filter(({ target }) => target === network.target);
  const of = mine.length < front.length ? ` of ${network.target}` : "";
  const values = networkFacts(network, [y, x]).slice(1).map(([name, value]) => `${name} ${value}`);
  return `Point ${mine.indexOf(network) + 1} of ${mine.length} on the front${of}: ${network.as.architecture_id}, ${values.join(", ")}`;
}

export function networkFacts({ as, target, kind }: Network, dimensions: readonly Dimension[]): Fact[] {
  return [
    ["Target", target],
    ...dimensions.map((one): Fact => {
      const value = one.of(as);
      const name = one.id === LATENCY.id ? `Latency, ${kind}` : one.label;
      return [name, Number.isNaN(value) ? "unknown" : one.format(value)];
    }),
  ];
}

export type Fact = readonly [name: string, value: string];

export function factsOf(candidate: CandidateEvent, dimensions: readonly Dimension[]): Fact[] {
  return [
    ["Target", targetOf(candidate)],
    ["Evaluation", String(candidate.number + 1)],
    ...dimensions.map((one): Fact => {
      const value = one.of(candidate);
      return [one.label, Number.isNaN(value) ? "unknown" : one.format(value)];
    }),
    ["Budget", isFeasible(candidate) ? "met (predicted)" : "exceeded (predicted)"],
  ];
}
