/** Labels as lines of text, `key=value`, as people edit them. The rules are those of the API. */
export const MAX_LABELS = 32;

const KEY = /^[a-z][a-z0-9_.-]{0,62}$/;
const VALUE = /^[A-Za-z0-9 ._\-/]{0,100}$/;

export function labelLines(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n");
}

/** The labels of a text, or what is wrong with it. */
export function readLabels(text: string): { labels: Record<string, string> } | { wrong: string } {
  const labels: Record<string, string> = {};
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (lines.length > MAX_LABELS) return { wrong: `A job has at most ${MAX_LABELS} labels.` };
  for (const line of lines) {
    const wrong = labelProblem(line);
    if (wrong !== null) return { wrong };
    const [key = "", ...rest] = line.trim().split("=");
    if (key in labels) return { wrong: `The label ${key} appears twice.` };
    labels[key] = rest.join("=");
  }
  return { labels };
}

/** What is wrong with one label, `key=value`; null when nothing is. */
export function labelProblem(line: string): string | null {
  const at = line.indexOf("=");
  if (at < 0) return `“${line.trim()}” has no equals sign: write key=value.`;
  const key = line.slice(0, at).trim();
  if (!KEY.test(key)) return `The key “${key}” must start with a to z and continue with a to z, 0 to 9, dots, dashes and underscores.`;
  const value = line.slice(at + 1).trimEnd();
  return VALUE.test(value) ? null : `The value of ${key} may have letters, digits, spaces and . _ - / only, up to 100.`;
}
