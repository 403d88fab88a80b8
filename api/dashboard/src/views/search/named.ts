/** The points of the fronts with their names, and what is said of a candidate. */
import type { CandidateEvent } from "../../api/events";
import { type Dimension, targetOf } from "./dimensions";
import { isFeasible, type Rows } from "./rows";

export interface Named {
  /** Among all candidates. */
  index: number;
  candidate: CandidateEvent;
  /** As it is read out. */
  label: string;
}

export function namedOf({ candidates, targets }: Rows, fronts: readonly (readonly number[])[], x: Dimension, y: Dimension): Named[] {
  return fronts.flatMap((front, target) =>
    front.flatMap((index, place) => {
      const candidate = candidates[index];
      if (candidate === undefined) return [];
      const of = targets.length > 1 ? ` of ${targets[target] ?? ""}` : "";
      const values = [y, x].map((one) => `${one.label} ${one.format(one.of(candidate))}`).join(", ");
      return [{ index, candidate, label: `Point ${place + 1} of ${front.length} on the front${of}: ${candidate.architecture_id}, ${values}` }];
    }),
  );
}

export type Fact = readonly [name: string, value: string];

export function factsOf(candidate: CandidateEvent, dimensions: readonly Dimension[]): Fact[] {
  return [
    ["Target", targetOf(candidate)],
    ["Query", String(candidate.number + 1)],
    ...dimensions.map((one): Fact => {
      const value = one.of(candidate);
      return [one.label, Number.isNaN(value) ? "not known" : one.format(value)];
    }),
    ["Budget", isFeasible(candidate) ? "kept, as predicted" : "not kept, as predicted"],
  ];
}
