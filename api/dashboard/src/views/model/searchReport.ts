/** What a search cost, and how far its scores can be trusted, in words. What was not counted is unknown, not zero. */
import type { Schemas } from "../../api/client";
import type { Tone } from "../../ui/Notice";

export type SearchCost = Schemas["SearchCost"];
export type TrustScore = Schemas["TrustScore"];
type Correlation = NonNullable<TrustScore["scores"]>;

const UNKNOWN = "unknown";

/** Names and values, in the order in which they are read. */
export function costFacts(cost: SearchCost): [string, string][] {
  return [
    ["Evaluations", whole(cost.evaluations)],
    ["Images evaluated", whole(cost.images)],
    ["Core-seconds", coreSeconds(cost)],
    ["In trainings of this network", cost.trainings === null ? UNKNOWN : cost.trainings.toLocaleString("en", { maximumFractionDigits: 1 })],
  ];
}

/** The total with its stages, the costliest first. */
function coreSeconds({ core_seconds: total, parts }: SearchCost): string {
  const stages = Object.entries(parts)
    .toSorted(([, a], [, b]) => (b ?? Infinity) - (a ?? Infinity))
    .map(([stage, spent]) => `${stage.replaceAll("_", " ")} ${seconds(spent)}`);
  return `${seconds(total)}${stages.length > 0 ? ` (${stages.join(", ")})` : ""}`;
}

function seconds(spent: number | null): string {
  return spent === null ? UNKNOWN : spent.toLocaleString("en", { maximumFractionDigits: spent < 10 ? 1 : 0 });
}

function whole(count: number | null): string {
  return count === null ? UNKNOWN : count.toLocaleString("en");
}

/** The rank correlations that were computed. */
export function trustFacts({ scores, macs, p_value: chance }: TrustScore): [string, string][] {
  const facts: [string, string | null][] = [
    ["Scores before fine-tuning", correlation(scores)],
    ["Multiply-accumulates", correlation(macs)],
    ["Probability of this by chance", chance?.toPrecision(2) ?? null],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}

function correlation(one: Correlation | null | undefined): string | null {
  return !one ? null : `τ = ${one.tau.toFixed(2)} (95 %: ${one.low.toFixed(2)} to ${one.high.toFixed(2)})`;
}

const TONES: Readonly<Record<TrustScore["verdict"], Tone>> = {
  better: "good",
  "not shown": "info",
  "no better": "warning",
  undefined: "info",
  "too few": "info",
  "no scores": "info",
};

export function trustTone({ verdict }: TrustScore): Tone {
  return TONES[verdict];
}
