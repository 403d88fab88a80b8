/**
 * The frame of every chart: its title, a summary that is also read out, the switch to the table that says the same, and
 * the downloads. The chart itself is an `<svg data-chart>` somewhere in `children`.
 */
import { type ReactNode, useEffect, useRef, useState } from "react";

import "./charts.css";
import { csv } from "./csv";
import { download, fileName, png, standalone } from "./exporting";
import { useWidth } from "./size";
import { TableTwin, type Twin } from "./TableTwin";

interface Props {
  title: string;
  level?: 2 | 3;
  /** One or two sentences: what a reader would take from the chart. */
  summary: string;
  table: Twin;
  asTable: boolean;
  onAsTable: (asTable: boolean) => void;
  /** Rows of the CSV, where it has more than the table. */
  data?: () => Twin;
  legend?: ReactNode;
  /** Further controls beside the downloads. */
  tools?: ReactNode;
  /** SVG markup of what is on a canvas, for the downloads. */
  under?: () => string;
  /** Draws the chart at a width in CSS pixels. */
  children: (width: number) => ReactNode;
}

export function ChartFrame({ title, level = 2, summary, table, asTable, onAsTable, data, legend, tools, under, children }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const width = useWidth(body);
  const [failed, setFailed] = useState<string | null>(null);
  const Heading = level === 2 ? "h2" : "h3";

  async function save(kind: "svg" | "png" | "csv"): Promise<void> {
    setFailed(null);
    const name = `${fileName(title)}.${kind}`;
    try {
      if (kind === "csv") {
        const { columns, rows } = data?.() ?? table;
        download(new Blob([csv(columns.map((column) => column.label), rows)], { type: "text/csv;charset=utf-8" }), name);
        return;
      }
      const svg = body.current?.querySelector<SVGSVGElement>("svg[data-chart]");
      if (!svg) return;
      const text = standalone(svg, title, under?.());
      const box = svg.getBoundingClientRect();
      download(kind === "svg" ? new Blob([text], { type: "image/svg+xml" }) : await png(text, box.width, box.height), name);
    } catch (error) {
      setFailed(error instanceof Error ? error.message : "The file could not be made.");
    }
  }

  return (
    <figure className="chart" aria-label={title}>
      <div className="chart-head">
        <Heading>{title}</Heading>
        <div className="chart-tools" role="group" aria-label={`${title}: view and downloads`}>
          {tools}
          <button type="button" aria-pressed={asTable} onClick={() => onAsTable(!asTable)}>
            Show as table
          </button>
          {!asTable && <SaveButton kind="svg" title={title} onSave={save} />}
          {!asTable && <SaveButton kind="png" title={title} onSave={save} />}
          <SaveButton kind="csv" title={title} onSave={save} />
        </div>
      </div>
      <Summary text={summary} />
      {failed !== null && <p role="alert">{failed}</p>}
      {!asTable && legend}
      <div className="chart-body" ref={body}>
        {asTable ? <TableTwin {...table} /> : width > 0 && children(width)}
      </div>
    </figure>
  );
}

type Kind = "svg" | "png" | "csv";

function SaveButton({ kind, title, onSave }: { kind: Kind; title: string; onSave: (kind: Kind) => Promise<void> }) {
  const label = kind.toUpperCase();
  return (
    <button type="button" aria-label={`Download ${title} as ${label}`} title={`Download as ${label}`} onClick={() => void onSave(kind)}>
      {label}
    </button>
  );
}

const LEAST_PAUSE_MS = 2000;

/** A live region that changes at most every few seconds, so that a screen reader does not read a growing chart without end. */
function Summary({ text }: { text: string }) {
  const [announced, setAnnounced] = useState(text);
  const newest = useRef(text);
  const timer = useRef<number | undefined>(undefined);
  useEffect(() => {
    newest.current = text;
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      setAnnounced(newest.current);
    }, LEAST_PAUSE_MS);
  }, [text]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <p className="chart-summary" aria-live="polite">
      {announced}
    </p>
  );
}
