/**
 * Thousands of marks on a canvas. A mark is drawn once and then copied; when points only came to what is drawn already,
 * the new ones alone are drawn. Not for what can be focused: those points are SVG, above.
 */
import type { Axis } from "./axis";
import { markPath } from "./marks";
import { FADED, type Scheme, seriesColour, STYLES } from "./palette";

/** How a point looks. Beyond a limit a mark is hollow; outside a brush it is faded. */
export const LOOK = { hidden: 0, faded: 1, hollow: 2, full: 3 } as const;

export interface Points {
  xs: Float64Array;
  ys: Float64Array;
  /** Style of each. */
  series: Uint8Array;
  /** `LOOK` of each. */
  looks: Uint8Array;
}

export interface Scene {
  points: Points;
  x: Axis;
  y: Axis;
  width: number;
  height: number;
  scheme: Scheme;
  ratio: number;
}

export const CLOUD_AREA = 26;
const OPACITY = 0.7;

/** Draws a scene on a canvas that may have `before` on it. */
export function drawCloud(canvas: HTMLCanvasElement, scene: Scene, before: Scene | null): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const from = before === null ? 0 : kept(before, scene);
  const { points, x, y, width, height, ratio } = scene;
  if (from === 0) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    context.clearRect(0, 0, canvas.width, canvas.height);
  }
  const sprites = spritesOf(scene.scheme, ratio);
  // What is faded lies beneath what is not.
  for (const pass of [LOOK.faded, LOOK.hollow, LOOK.full]) {
    for (let index = from; index < points.xs.length; index += 1) {
      if (points.looks[index] !== pass) continue;
      const sprite = sprites(points.series[index] ?? 0, pass);
      const left = x.at(points.xs[index] ?? Number.NaN) * ratio - sprite.width / 2;
      const top = y.at(points.ys[index] ?? Number.NaN) * ratio - sprite.height / 2;
      if (left === left && top === top) context.drawImage(sprite, left, top);
    }
  }
}

/** How many points of the scene are on the canvas already; 0 when it has to be redrawn. */
export function kept(before: Scene, now: Scene): number {
  const same =
    before.width === now.width &&
    before.height === now.height &&
    before.scheme === now.scheme &&
    before.ratio === now.ratio &&
    sameAxis(before.x, now.x) &&
    sameAxis(before.y, now.y);
  const count = before.points.xs.length;
  if (!same || now.points.xs.length < count) return 0;
  for (const name of ["looks", "series", "xs", "ys"] as const) {
    const [old, fresh] = [before.points[name], now.points[name]];
    if (old === fresh) continue;
    for (let index = 0; index < count; index += 1) if (!Object.is(old[index], fresh[index])) return 0;
  }
  return count;
}

function sameAxis(one: Axis, other: Axis): boolean {
  return (
    one.kind === other.kind &&
    one.domain[0] === other.domain[0] &&
    one.domain[1] === other.domain[1] &&
    one.range[0] === other.range[0] &&
    one.range[1] === other.range[1]
  );
}

/** The same marks as SVG, for downloads. */
export function cloudMarkup({ points, x, y, scheme }: Scene): string {
  const used = new Set<string>();
  const marks: string[] = [];
  for (let index = 0; index < points.xs.length; index += 1) {
    const look = points.looks[index] ?? LOOK.hidden;
    if (look === LOOK.hidden) continue;
    const [left, top] = [x.at(points.xs[index] ?? Number.NaN), y.at(points.ys[index] ?? Number.NaN)];
    if (!Number.isFinite(left) || !Number.isFinite(top)) continue;
    const name = `m${(points.series[index] ?? 0) % STYLES}-${look}`;
    used.add(name);
    marks.push(`<use href="#${name}" x="${left.toFixed(1)}" y="${top.toFixed(1)}"/>`);
  }
  const shapes = [...used].map((name) => {
    const [series = 0, look = 0] = name.slice(1).split("-").map(Number);
    const colour = look === LOOK.faded ? FADED[scheme] : seriesColour(series, scheme);
    const paint = look === LOOK.hollow ? `fill="none" stroke="${colour}"` : `fill="${colour}"`;
    return `<path id="${name}" d="${markPath(series, CLOUD_AREA)}" ${paint} opacity="${OPACITY}"/>`;
  });
  return `<defs>${shapes.join("")}</defs><g>${marks.join("")}</g>`;
}

const known = new Map<string, HTMLCanvasElement>();

function spritesOf(scheme: Scheme, ratio: number): (series: number, look: number) => HTMLCanvasElement {
  const quick = new Map<number, HTMLCanvasElement>();
  return (series, look) => {
    const number = (series % STYLES) * 4 + look;
    let sprite = quick.get(number);
    if (sprite === undefined) {
      const key = `${scheme}/${ratio}/${number}`;
      sprite = known.get(key) ?? makeSprite(series, look, scheme, ratio);
      known.set(key, sprite);
      quick.set(number, sprite);
    }
    return sprite;
  };
}

function makeSprite(series: number, look: number, scheme: Scheme, ratio: number): HTMLCanvasElement {
  const sprite = document.createElement("canvas");
  sprite.width = sprite.height = Math.ceil(14 * ratio);
  const context = sprite.getContext("2d");
  if (context === null) return sprite;
  context.scale(ratio, ratio);
  context.translate(7, 7);
  context.globalAlpha = OPACITY;
  const colour = look === LOOK.faded ? FADED[scheme] : seriesColour(series, scheme);
  const mark = new Path2D(markPath(series, CLOUD_AREA));
  context.fillStyle = context.strokeStyle = colour;
  if (look === LOOK.hollow) context.stroke(mark);
  else context.fill(mark);
  return sprite;
}

/** Index of the point nearest to a place, within `reach` pixels; -1 of none. Faded and hidden points are not found. */
export function nearestPoint({ xs, ys, looks }: Points, x: Axis, y: Axis, left: number, top: number, reach: number): number {
  let found = -1;
  let best = reach * reach;
  for (let index = 0; index < xs.length; index += 1) {
    if ((looks[index] ?? 0) < LOOK.hollow) continue;
    const across = x.at(xs[index] ?? Number.NaN) - left;
    const down = y.at(ys[index] ?? Number.NaN) - top;
    const square = across * across + down * down;
    if (square <= best) {
      best = square;
      found = index;
    }
  }
  return found;
}
