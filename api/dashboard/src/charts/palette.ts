/**
 * Colours and shapes of series in charts: each at least 3:1 against its page (WCAG 1.4.11), and distinguished by shape as well.
 * `charts.css` has the same colours as custom properties; a test compares the two.
 */
export const PAGE = { light: "#ffffff", dark: "#14171a" } as const;

export const SERIES = {
  light: ["#0b5cad", "#b3370f", "#17692f", "#7b2d8e", "#8a6100", "#00707a"],
  dark: ["#7ab8f5", "#ff9e7a", "#7fd396", "#d9a3e8", "#f2c063", "#6fd6df"],
} as const;

/** What is out of a brush, or beyond a limit, in clouds of points. */
export const FADED = { light: "#b9c1c8", dark: "#4a545d" } as const;

export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "star"] as const;

/** Patterns of lines, as `stroke-dasharray`, in the order of the series. */
export const DASHES = ["none", "7 3", "2 3", "10 3 2 3", "5 2 1 2 1 2", "12 4"] as const;

export type Scheme = keyof typeof SERIES;
export type Shape = (typeof SHAPES)[number];

/** Number of different styles; a further series begins again. */
export const STYLES = SHAPES.length;

export function seriesColour(index: number, scheme: Scheme): string {
  return SERIES[scheme][index % STYLES] ?? SERIES[scheme][0];
}

/** For `fill` and `stroke` in SVG: follows light and dark by itself. */
export function seriesVariable(index: number): string {
  return `var(--series-${(index % STYLES) + 1})`;
}

export function seriesShape(index: number): Shape {
  return SHAPES[index % STYLES] ?? SHAPES[0];
}

export function seriesDash(index: number): string {
  return DASHES[index % STYLES] ?? DASHES[0];
}
