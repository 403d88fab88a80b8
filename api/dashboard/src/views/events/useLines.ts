/**
 * The events of a job as lines. The stream begins at the first event and its state keeps the newest few thousand; this keeps
 * what it has seen while the view is open, and reads what is older by pages.
 */
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { eventPage } from "../../api/eventPage";
import type { NumberedEvent } from "../../api/events";
import { isTick, KEPT_EVENTS } from "../../job/state";
import { type Line, lineOf } from "./lines";

const PAGE = 500;

interface LoadedLines {
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
  const [loaded, setLoaded] = useState<LoadedLines>(() => loadedFrom(source));
  if (loaded.source !== source) setLoaded(extended(loaded, source));
  const older = useMutation({
    mutationFn: async (): Promise<boolean> => {
      const after = Math.max(0, loaded.from - 1 - PAGE);
      const { events } = await eventPage(jobId, after, loaded.from - 1 - after);
      const lines = events.filter(({ raw }) => isTick(raw.type) === ticks).map(lineOf);
      setLoaded((now) => ({ ...now, lines: [...lines, ...now.lines], from: after + 1 }));
      return lines.some((line) => line.level === "error");
    },
  });
  return {
    lines: loaded.lines,
    hasOlder: loaded.from > 1,
    loading: older.isPending,
    error: older.error,
    loadOlder: () => older.mutateAsync(),
  };
}

function loadedFrom(source: readonly NumberedEvent[]): LoadedLines {
  const from = source.length < KEPT_EVENTS ? 1 : (source[0]?.seq ?? 1);
  return { source, lines: source.map(lineOf), from };
}

function extended(loaded: LoadedLines, source: readonly NumberedEvent[]): LoadedLines {
  const last = loaded.lines.at(-1)?.seq ?? 0;
  // Much came at once: what is between is read by pages.
  if (source.length === KEPT_EVENTS && (source[0]?.seq ?? 0) > last) return loadedFrom(source);
  const fresh = source.filter(({ seq }) => seq > last).map(lineOf);
  return { ...loaded, source, lines: fresh.length > 0 ? [...loaded.lines, ...fresh] : loaded.lines };
}
