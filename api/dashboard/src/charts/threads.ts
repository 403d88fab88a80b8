/**
 * The lines of parallel coordinates on a canvas: thousands of them, drawn over several frames so that the page stays quick.
 * Lines that only came are added to what is drawn.
 */
import { LOOK } from "./cloud";
import { FADED, type Scheme, seriesColour } from "./palette";

export interface Threads {
  /** Pixels of each line at each axis; NaN where a choice is inactive. */
  heights: readonly Float64Array[];
  /** Pixels of the axes. */
  lefts: readonly number[];
  /** Where lines go whose choice is inactive. */
  below: number;
  looks: Uint8Array;
  series: Uint8Array;
  width: number;
  height: number;
  scheme: Scheme;
  ratio: number;
}

const FRAME_MS = 6;

/** Draws from the line `from` on; the answer stops it. `onDone` hears when all is drawn. */
export function drawThreads(canvas: HTMLCanvasElement, threads: Threads, from: number, onDone: () => void): () => void {
  const context = canvas.getContext("2d");
  if (context === null) return () => undefined;
  const { width, height, ratio, looks } = threads;
  if (from === 0) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const alpha = Math.max(0.06, Math.min(0.6, 60 / Math.max(1, looks.length)));
  // What is faded lies beneath what is not.
  const order: number[] = [];
  for (const faded of [true, false])
    for (let index = from; index < looks.length; index += 1) {
      const look = looks[index] ?? LOOK.hidden;
      if (look !== LOOK.hidden && (look === LOOK.faded) === faded) order.push(index);
    }
  let next = 0;
  let frame = requestAnimationFrame(function draw() {
    const until = performance.now() + FRAME_MS;
    while (next < order.length && performance.now() < until) {
      for (const stop = Math.min(order.length, next + 50); next < stop; next += 1) thread(context, threads, order[next] ?? 0, alpha);
    }
    if (next < order.length) frame = requestAnimationFrame(draw);
    else onDone();
  });
  return () => cancelAnimationFrame(frame);
}

function thread(context: CanvasRenderingContext2D, { heights, lefts, below, looks, series, scheme }: Threads, index: number, alpha: number): void {
  const faded = looks[index] === LOOK.faded;
  context.strokeStyle = faded ? FADED[scheme] : seriesColour(series[index] ?? 0, scheme);
  context.globalAlpha = faded ? alpha / 2 : alpha;
  context.beginPath();
  heights.forEach((column, axis) => {
    const height = column[index] ?? Number.NaN;
    context.lineTo(lefts[axis] ?? 0, Number.isNaN(height) ? below : height);
  });
  context.stroke();
}

/** How many lines of a drawing are kept in the next one; 0 when it has to be redrawn. */
export function keptThreads(before: Threads, now: Threads): number {
  const count = before.looks.length;
  const same =
    now.looks.length >= count &&
    before.width === now.width &&
    before.height === now.height &&
    before.scheme === now.scheme &&
    before.ratio === now.ratio &&
    before.lefts.length === now.lefts.length;
  if (!same) return 0;
  for (let index = 0; index < count; index += 1) {
    if (before.looks[index] !== now.looks[index]) return 0;
    for (let axis = 0; axis < now.heights.length; axis += 1)
      if (!Object.is(before.heights[axis]?.[index], now.heights[axis]?.[index])) return 0;
  }
  return count;
}
