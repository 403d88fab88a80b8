/** Whether a model meets its budget, in words. */

const TEXTS: Readonly<Record<string, string>> = { kept: "met", "kept when quiet": "met when quiet", missed: "exceeded" };

/** Of a verdict that this page does not know, its name. */
export function verdictText(verdict: string): string {
  return TEXTS[verdict] ?? verdict;
}
