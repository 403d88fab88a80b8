/** The bottleneck of a layer on a simulated target: each has a title, a letter, a colour and a pattern, so that it is not shown by colour alone. */
import { seriesVariable } from "../../charts/palette";

export interface Bound {
  /** As the service names it. */
  reason: string;
  title: string;
  letter: string;
  colour: string;
  /** Of a pattern of stripes, in degrees; null for a plain fill. */
  stripes: number | null;
}

const REASONS = ["arithmetic", "depthwise engine", "weights", "maps in", "maps out", "pools and sums", "instruction overhead"] as const;
const LETTERS = ["A", "D", "W", "I", "O", "P", "N"] as const;
const TITLES: Readonly<Record<string, string>> = { "maps in": "feature maps in", "maps out": "feature maps out", "pools and sums": "pooling and add" };
const STRIPES = [null, 45, 90, 135, 0, 20, 110] as const;

export const BOUNDS: readonly Bound[] = REASONS.map((reason, index) => ({
  reason,
  title: TITLES[reason] ?? reason,
  letter: LETTERS[index] ?? "?",
  colour: reason === "instruction overhead" ? "var(--control)" : seriesVariable(index),
  stripes: STRIPES[index] ?? null,
}));

/** A reason that this page does not know has the first letter of its name. */
export function boundOf(reason: string): Bound {
  const known = BOUNDS.find((one) => one.reason === reason);
  return known ?? { reason, title: reason, letter: reason.charAt(0).toUpperCase(), colour: "var(--control)", stripes: 70 };
}
