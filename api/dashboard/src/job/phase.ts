/** The stages of a job in words. */

const TITLES: Readonly<Record<string, string>> = { fine_tuning: "fine-tuning", delivering: "exporting" };

/** Of a stage that this page does not know, its name with spaces. */
export function phaseTitle(phase: string): string {
  return TITLES[phase] ?? phase.replaceAll("_", " ");
}
