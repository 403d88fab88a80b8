/** The outlines of marks: one shape for each series, about the same size to the eye. */
import {
  symbol,
  symbolCircle,
  symbolCross,
  symbolDiamond,
  symbolSquare,
  symbolStar,
  symbolTriangle,
  type SymbolType,
} from "d3-shape";

import { seriesShape, type Shape } from "./palette";

const TYPES: Record<Shape, SymbolType> = {
  circle: symbolCircle,
  square: symbolSquare,
  triangle: symbolTriangle,
  diamond: symbolDiamond,
  cross: symbolCross,
  star: symbolStar,
};

/** SVG path of a series' mark around the origin; `area` in square pixels. */
export function markPath(series: number, area: number): string {
  return symbol(TYPES[seriesShape(series)], area)() ?? "";
}
