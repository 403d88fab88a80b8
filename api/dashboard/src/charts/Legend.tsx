/** Which style means which series: its mark, its line, or both. */
import { markPath } from "./marks";
import { seriesDash, seriesVariable } from "./palette";

export interface LegendItem {
  label: string;
  series: number;
  look: "mark" | "front" | "estimate" | "line" | "hollow" | "ringed" | "error" | "limit";
}

/** Of curves; one alone needs none. */
export function LineLegend({ lines }: { lines: readonly { name: string; series: number }[] }) {
  return lines.length > 1 && <Legend items={lines.map(({ name, series }) => ({ label: name, series, look: "line" }))} />;
}

export function Legend({ items }: { items: readonly LegendItem[] }) {
  return (
    <ul className="chart-legend">
      {items.map(({ label, series, look }) => (
        <li key={label}>
          <svg width="22" height="14" aria-hidden="true">
            {look === "line" && (
              <line x1="0" x2="22" y1="7" y2="7" stroke={seriesVariable(series)} strokeWidth="2" strokeDasharray={seriesDash(series)} />
            )}
            {look === "front" && <line x1="0" x2="22" y1="7" y2="7" stroke={seriesVariable(series)} strokeWidth="2" />}
            {look === "estimate" && <line className="stairs estimate" x1="0" x2="22" y1="7" y2="7" stroke={seriesVariable(series)} />}
            {look === "limit" && (
              <line x1="11" x2="11" y1="0" y2="14" stroke={seriesVariable(series)} strokeWidth="1.5" strokeDasharray="4 3" />
            )}
            {["mark", "front", "line", "ringed"].includes(look) && <path d={markPath(series, look === "mark" ? 20 : 50)} transform="translate(11,7)" fill={seriesVariable(series)} />}
            {look === "ringed" && <circle cx="11" cy="7" r="7" fill="none" stroke={seriesVariable(series)} strokeWidth="1.5" />}
            {look === "error" && <path d="M0,7H22M0,3v8M22,3v8" fill="none" stroke={seriesVariable(series)} strokeWidth="1.5" />}
            {["hollow", "error", "estimate"].includes(look) && (
              <path d={markPath(series, 50)} transform="translate(11,7)" fill="none" stroke={seriesVariable(series)} strokeWidth="1.5" />
            )}
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}
