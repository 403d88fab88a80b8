/** Numbers as people read them, always with their unit. */

/** Milliseconds with three significant digits, so that columns of them compare: `0.0717 ms`, `0.0310 ms`. */
export function latency(ms: number): string {
  return `${threeDigits(ms)} ms`;
}

/** A share from 0 to 1 in percent with two decimals: `98.89 %`. */
export function percent(share: number, digits = 2): string {
  return `${(share * 100).toFixed(digits)} %`;
}

/** `1.40 MB`, by powers of 1000. */
export function bytes(count: number): string {
  return scaled(count, ["B", "kB", "MB", "GB", "TB"]);
}

/** `12.3 M`, for multiply-accumulates and parameters. */
export function count(value: number): string {
  return scaled(value, ["", "k", "M", "G", "T"]);
}

/** `3 min 9 s`; `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${significant(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** Local date and time to the second. */
export function moment(at: string): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** A large whole number that comes as text, since it may exceed 2^53: grouped, or as a power of ten. */
export function large(text: string): string {
  if (text.length <= 15) return Number(text).toLocaleString();
  return `${text[0] ?? ""}.${text.slice(1, 3)} × 10^${text.length - 1}`;
}

export function significant(value: number, digits = 3): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  return Number(value.toPrecision(digits)).toLocaleString("en", { maximumSignificantDigits: digits, useGrouping: false });
}

/** With trailing zeros. */
function threeDigits(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const exact = { minimumSignificantDigits: 3, maximumSignificantDigits: 3, useGrouping: false };
  return value.toLocaleString("en", exact);
}

function scaled(value: number, units: readonly string[]): string {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(value))) / 3)));
  const shown = value / 1000 ** step;
  return `${step === 0 ? String(Math.round(shown)) : threeDigits(shown)} ${units[step] ?? ""}`.trim();
}
