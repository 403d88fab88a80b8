/**
 * The values at a point, beside it: shown on hover and on focus alike. It stays while the pointer is on it, until the
 * pointer or the focus goes elsewhere, or Escape is pressed (WCAG 1.4.13).
 */
import type { ReactNode } from "react";

interface Props {
  x: number;
  y: number;
  /** Width of the chart, to stay inside. */
  width: number;
  title: string;
  rows: readonly (readonly [name: string, value: string])[];
  children?: ReactNode;
}

export function Readout({ x, y, width, title, rows, children }: Props) {
  const onRight = x < width / 2;
  const shift = onRight ? "translateX(14px)" : "translateX(calc(-100% - 14px))";
  return (
    // Read out by the element that has the focus; this is for the eyes.
    <div className="readout" aria-hidden="true" style={{ left: x, top: Math.max(0, y - 20), transform: shift }}>
      <p className="readout-title">{title}</p>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name} style={{ display: "contents" }}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {children}
    </div>
  );
}
