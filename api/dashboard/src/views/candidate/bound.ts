/** What binds a layer on a simulated target: each reason has a letter, a colour and a pattern, so that none is told by colour alone. */
import { seriesVariable } from "../../charts/palette";

export interface Bound {
  reason: string;
  letter: string;
  colour: string;
  /** Of a pattern of stripes, in degrees; null for a plain fill. */
  stripes: number | null;
}

const REASONS = ["arithmetic", "depthwise engine", "weights", "maps in", "maps out", "pools and sums", "instruction overhead"] as const;
const LETTERS = ["A", "D", "W", "I", "O", "P", "N"] as const;
const STRIPES = [null, 45, 90, 135, 0, 20, 110] as const;

export const BOUNDS: readonly Bound[] = REASONS.map((reason, index) => ({
  reason,
  letter: LETTERS[index] ?? "?",
  colour: reason === "instruction overhead" ? "var(--control)" : seriesVariable(index),
  stripes: STRIPES[index] ?? null,
}));

/** A reason that this page does not know has the first letter of its name. */
export function boundOf(reason: string): Bound {
  const known = BOUNDS.find((one) => one.reason === reason);
  return known ?? { reason, letter: reason.charAt(0).toUpperCase(), colour: "var(--control)", stripes: 70 };
}
