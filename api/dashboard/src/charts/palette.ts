/** Colours and shapes of targets in charts: each at least 3:1 against its page (WCAG 1.4.11), and told apart by shape as well. */
export const PAGE = { light: "#ffffff", dark: "#14171a" } as const;

export const SERIES = {
  light: ["#0b5cad", "#b3370f", "#17692f", "#7b2d8e", "#8a6100", "#00707a"],
  dark: ["#7ab8f5", "#ff9e7a", "#7fd396", "#d9a3e8", "#f2c063", "#6fd6df"],
} as const;

export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "star"] as const;
