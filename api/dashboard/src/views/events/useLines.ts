/**
 * The events of a job as lines. The stream begins at the first event and its state keeps the newest few thousand; this holds on to
 * what it has seen while the view is open, and reads what is older by pages.
 */
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { eventPage } from "../../api/eventPage";
import type { NumberedEvent } from "../../api/events";
import { isTick, KEPT_EVENTS } from "../../job/state";
import { type Line, lineOf } from "./lines";

const PAGE = 500;

interface Held {
  source: readonly NumberedEvent[];
  lines: readonly Line[];
  /** All events of the kind from this number on are there. */
  from: number;
}

export interface Lines {
  lines: readonly Line[];
  hasOlder: boolean;
  loading: boolean;
  error: unknown;
  loadOlder: () => Promise<boolean>;
}

/** Of the ticks of a job (progress and metrics), or of its other events. */
export function useLines(jobId: string, source: readonly NumberedEvent[], ticks: boolean): Lines {
  const [held, setHeld] = useState<Held>(() => hold(source));
  if (held.source !== source) setHeld(extended(held, source));
  const older = useMutation({
    mutationFn: async (): Promise<boolean> => {
      const after = Math.max(0, held.from - 1 - PAGE);
      const { events } = await eventPage(jobId, after, held.from - 1 - after);
      const lines = events.filter(({ raw }) => isTick(raw.type) === ticks).map(lineOf);
      setHeld((now) => ({ ...now, lines: [...lines, ...now.lines], from: after + 1 }));
      return lines.some((line) => line.level === "error");
    },
  });
  return {
    lines: held.lines,
    hasOlder: held.from > 1,
    loading: older.isPending,
    error: older.error,
    loadOlder: () => older.mutateAsync(),
  };
}

function hold(source: readonly NumberedEvent[]): Held {
  const from = source.length < KEPT_EVENTS ? 1 : (source[0]?.seq ?? 1);
  return { source, lines: source.map(lineOf), from };
}

function extended(held: Held, source: readonly NumberedEvent[]): Held {
  const last = held.lines.at(-1)?.seq ?? 0;
  // Much came at once: what is between is read by pages.
  if (source.length === KEPT_EVENTS && (source[0]?.seq ?? 0) > last) return hold(source);
  const fresh = source.filter(({ seq }) => seq > last).map(lineOf);
  return { ...held, source, lines: fresh.length > 0 ? [...held.lines, ...fresh] : held.lines };
}
