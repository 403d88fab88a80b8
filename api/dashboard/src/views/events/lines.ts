/** Events as lines that people read, and which of them are shown. */
import type { NumberedEvent } from "../../api/events";
import { countsText } from "../../job/describe";
import { metricFormat, metricText } from "../../job/metric";
import { phaseTitle } from "../../job/phase";
import { isTick } from "../../job/state";
import { duration, latency, significant } from "../../ui/format";

export type Level = "info" | "warning" | "error";

export interface Line {
  seq: number;
  at: string;
  type: string;
  level: Level;
  text: string;
}

/** One event as a line. Of a type that this page does not know, its JSON. */
export function lineOf({ seq, at, event, raw }: NumberedEvent): Line {
  const known = event === null ? { level: "info" as const, text: JSON.stringify(raw) } : { level: levelOf(event), text: textOf(event) };
  return { seq, at, type: raw.type, ...known };
}

type Known = NonNullable<NumberedEvent["event"]>;

function levelOf(event: Known): Level {
  if (event.type === "log") return event.level;
  if (event.type === "item") return levelOf(event.event);
  return (event.type === "end" || event.type === "state") && event.state === "failed" ? "error" : "info";
}

function textOf(event: Known): string {
  switch (event.type) {
    case "phase": {
      const how = event.status === "reused" ? "cached" : event.status;
      const seconds = event.seconds === null ? "" : ` after ${duration(event.seconds)}`;
      return `${phaseTitle(event.phase)}${forTarget(event.target)}: ${how}${seconds}`;
    }
    case "progress": {
      const left = event.eta_s === null ? "" : `, ${duration(event.eta_s)} left`;
      return `${phaseTitle(event.phase)}${forTarget(event.target)}: ${event.done} of ${event.total} ${event.unit}${left}`;
    }
    case "metric":
      return `${phaseTitle(event.phase)}: ${event.name} ${significant(event.value, 4)} at step ${event.step}`;
    case "candidate": {
      const latencies = Object.entries(event.latency_ms).map(([target, ms]) => `${latency(ms)} on ${target} (predicted)`);
      return [`candidate ${event.number + 1}, ${event.architecture_id}: ${metricText(event.metric)}`, ...latencies].join(", ");
    }
    case "front": {
      const hypervolume = event.hypervolume === null ? "" : `, hypervolume ${significant(event.hypervolume, 4)}`;
      const [which, after] = event.of === "trained" ? ["front of trained networks", "network"] : ["estimated front", "candidate"];
      return `${which} for ${event.target}: ${counted(event.points.length, "point")} after ${counted(event.evaluations, after)}${hypervolume}`;
    }
    case "finalist": {
      const score = `${metricText(event.metric)} ± ${metricFormat(event.metric.name)(event.standard_error)} after ${event.images.toLocaleString("en")} images`;
      const took = `${latency(event.latency_ms)} (${event.kind})`;
      return `finalist ${event.architecture_id} for ${event.target}, round ${event.round + 1} of ${event.rounds}: ${score}, ${took}`;
    }
    case "plan":
      return `plan: ${event.note || `${event.resolution} × ${event.resolution} pixels`}`;
    case "checkpoint":
      return `${phaseTitle(event.phase)}${forTarget(event.target)}: ${event.restored ? "resumed from" : "stored"} step ${event.step} of ${event.total}`;
    case "measurement": {
      const what = event.of === "file" ? `the final model of ${event.architecture_id}` : `candidate ${event.architecture_id}`;
      return `${what} on ${event.target}: ${latency(event.latency_ms)} (${event.kind})`;
    }
    case "cell": {
      const metric = event.metric === null ? "" : `, ${metricText(event.metric)}`;
      const took = event.latency_ms === null ? "" : `, ${latency(event.latency_ms)} (${event.kind ?? "estimated"})`;
      return `cell ${event.cell}: ${event.state}${metric}${took}${event.detail === "" ? "" : `: ${event.detail}`}`;
    }
    case "batch":
      return `${event.stage}: ${event.done} of ${event.total}; cells: ${countsText(event.cells)}`;
    case "item":
      return `${event.item}: ${textOf(event.event)}`;
    case "log":
      return event.message;
    case "state":
      return `the job is ${event.state}`;
    case "end":
      return `the job has ended: ${event.state}`;
  }
}

function counted(number: number, what: string): string {
  return `${number} ${number === 1 ? what : `${what}s`}`;
}

function forTarget(target: string | null): string {
  return target === null ? "" : ` for ${target}`;
}

export interface Shown {
  /** The least severe level. */
  level: Level;
  /** A type of event; empty for all but progress and metrics. */
  type: string;
  /** Text that the line has; case does not matter. */
  text: string;
}

const SEVERITY: Readonly<Record<Level, number>> = { info: 0, warning: 1, error: 2 };

export function isShown(line: Line, { level, type, text }: Shown): boolean {
  if (SEVERITY[line.level] < SEVERITY[level]) return false;
  // Progress and metrics come by the thousand; they are shown on request.
  if (type === "" ? isTick(line.type) : line.type !== type) return false;
  return text === "" || line.text.toLowerCase().includes(text.toLowerCase());
}

/** Where the next error after the line `from` is, starting again at the end; -1 when there is none. */
export function nextError(lines: readonly Line[], from: number): number {
  for (let step = 1; step <= lines.length; step += 1) {
    const at = (from + step) % lines.length;
    if (lines[at]?.level === "error") return at;
  }
  return -1;
}
