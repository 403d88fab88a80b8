/** From values to pixels and back, on a linear or a logarithmic axis, with ticks that fit the room. */
import { scaleLinear, scaleLog } from "d3-scale";

import { significant } from "../ui/format";

export type AxisKind = "linear" | "log";
export type Span = readonly [number, number];

export interface Tick {
  value: number;
  at: number;
  label: string;
}

export interface Axis {
  kind: AxisKind;
  domain: Span;
  range: Span;
  ticks: Tick[];
  /** Pixels of a value. */
  at: (value: number) => number;
  /** Value at a pixel. */
  value: (at: number) => number;
}

/** What values are shown in: `accuracy` 0.98 as 98 with the unit %. */
export interface Shown {
  factor: number;
  unit: string;
}

export const PLAIN: Shown = { factor: 1, unit: "" };

interface Options {
  kind: AxisKind;
  domain: Span;
  range: Span;
  /** Pixels that a tick needs. */
  room: number;
  shown?: Shown;
}

/** A logarithmic axis needs values above 0; with others it is linear. */
export function makeAxis({ kind, domain, range, room, shown = PLAIN }: Options): Axis {
  const real: AxisKind = kind === "log" && domain[0] > 0 ? "log" : "linear";
  const scale = real === "log" ? scaleLog() : scaleLinear();
  scale.domain([...domain]).range([...range]);
  const most = Math.max(2, Math.floor(Math.abs(range[1] - range[0]) / room));
  const ticks = (real === "log" ? logTicks(domain, shown, most) : linearTicks(domain, shown, most)).map(([value, label]) => ({
    value,
    at: scale(value),
    label,
  }));
  return { kind: real, domain, range, ticks, at: (value) => scale(value), value: (at) => scale.invert(at) };
}

type Labelled = [value: number, label: string];

function linearTicks([low, high]: Span, { factor }: Shown, most: number): Labelled[] {
  const scale = scaleLinear().domain([low * factor, high * factor]);
  const format = scale.tickFormat(most);
  return scale.ticks(most).map((tick) => [tick / factor, format(tick)]);
}

/** 1, 2 and 5 of each power of ten where they fit; else the powers alone; a narrow span is marked as on a linear axis. */
function logTicks(domain: Span, shown: Shown, most: number): Labelled[] {
  const [low, high] = [domain[0] * shown.factor, domain[1] * shown.factor];
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1)
    for (const digit of [1, 2, 5]) all.push(Number(`${digit}e${power}`));
  const inside = all.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  const powers = inside.filter((tick) => Math.abs(Math.log10(tick) - Math.round(Math.log10(tick))) < 1e-9);
  if (inside.length < 3) return linearTicks(domain, shown, most).filter(([value]) => value > 0);
  const fit = inside.length <= most ? inside : powers;
  const every = Math.max(1, Math.ceil(fit.length / most));
  return fit.filter((_, index) => index % every === 0).map((tick) => [tick / shown.factor, significant(tick)]);
}

/** Least and greatest finite value; null of none. */
export function extent(values: Iterable<number>): Span | null {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** A domain with a margin, so that no mark lies on the edge; one value alone gets a span of its own. */
export function padded(span: Span | null, kind: AxisKind, share = 0.05): Span {
  if (span === null) return kind === "log" ? [1, 10] : [0, 1];
  const [low, high] = span;
  if (kind === "log" && low > 0) {
    const factor = low === high ? 1.5 : (high / low) ** share;
    return [low / factor, high * factor];
  }
  const margin = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * share;
  return [low - margin, high + margin];
}

/** Widened to the next ticks, so that it seldom changes while points arrive. */
export function rounded(span: Span, kind: AxisKind): Span {
  if (kind === "log" && span[0] > 0) {
    const step = (value: number, up: boolean) => {
      const power = 10 ** Math.floor(Math.log10(value));
      const digits = value / power;
      return Number(((up ? Math.ceil(digits - 1e-9) : Math.floor(digits + 1e-9)) * power).toPrecision(12));
    };
    return [step(span[0], false), step(span[1], true)];
  }
  const [low = 0, high = 1] = scaleLinear().domain([...span]).nice(10).domain();
  return [low, high];
}
