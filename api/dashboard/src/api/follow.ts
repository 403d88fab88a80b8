/**
 * Follows the events of a job: each exactly once and in order, over lost connections and restarts of the service.
 *
 * `EventSource` reconnects by itself after a lost connection, with the number of the last event. It gives up for good, without
 * a reason, on any answer that is no stream: nothing follows (204), signed out, no such job, a proxy's error. Then this requests
 * a page of the same address, which has the reason. While the page is hidden nothing is followed: a browser has six
 * connections to a service for all its tabs together.
 */
import { eventPage } from "./eventPage";
import { type NumberedEvent, readEvent } from "./events";
import { AwayError, ProblemError } from "./problem";

export type Connection = "connecting" | "open" | "away" | "ended" | "rejected";

/** Who receives the events. They come in batches, at most one per frame. */
export interface Follower {
  readonly onEvents: (events: NumberedEvent[]) => void;
  readonly onConnection: (connection: Connection) => void;
  /** The stream was rejected for good: signed out, or there is no such job (any more). */
  readonly onRejected: (problem: ProblemError) => void;
}

const TYPES = [
  "plan", "phase", "progress", "metric", "candidate", "front", "finalist", "checkpoint", "measurement", "cell", "batch", "item", "log", "state", "end",
];
/** The performance mark of the first message of a batch: where the time to the next frame is measured from. */
export const MESSAGE_MARK = "hwnas:message";
const PAUSES_MS = [500, 1000, 2000, 5000];
const FLUSH_MS = 16;

/** Starts after the event `after`; the answer stops it. */
export function follow(jobId: string, after: number, follower: Follower): () => void {
  let last = after;
  let failures = 0;
  let over = false;
  let source: EventSource | null = null;
  let retry: number | undefined;
  let flushing: number | undefined;
  let waiting: NumberedEvent[] = [];

  function open(): void {
    close();
    if (over || document.hidden) return;
    const opened = new EventSource(`/v1/jobs/${encodeURIComponent(jobId)}/events?after=${last}`);
    source = opened;
    opened.onopen = () => {
      failures = 0;
      follower.onConnection("open");
    };
    opened.onerror = () => {
      follower.onConnection("away");
      if (opened.readyState === EventSource.CLOSED) void again();
    };
    // The service ends a long stream in good order: that is no lost connection.
    opened.addEventListener("reconnect", () => {
      close();
      retry = window.setTimeout(open, PAUSES_MS[0]);
    });
    for (const type of TYPES) opened.addEventListener(type, take);
  }

  function close(): void {
    source?.close();
    source = null;
    clearTimeout(retry);
  }

  function take(message: MessageEvent<string>): void {
    let event: NumberedEvent;
    try {
      event = readEvent(JSON.parse(message.data));
    } catch (error) {
      console.error("the service sent an event that cannot be read", error);
      return;
    }
    if (event.seq <= last || over) return; // sent again after a reconnect
    last = event.seq;
    if (waiting.length === 0) performance.mark(MESSAGE_MARK);
    waiting.push(event);
    if (event.raw.type === "end") end("ended");
    else flushing ??= window.setTimeout(flush, FLUSH_MS);
  }

  function flush(): void {
    clearTimeout(flushing);
    flushing = undefined;
    const events = waiting;
    waiting = [];
    if (events.length > 0) follower.onEvents(events);
  }

  function end(how: "ended" | "rejected"): void {
    flush();
    stop();
    follower.onConnection(how);
  }

  /** After the browser gave up: finds the reason, and tries again where that may help. */
  async function again(): Promise<void> {
    close();
    const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 5000;
    failures += 1;
    try {
      const page = await eventPage(jobId, last, 1);
      if (over) return;
      if (page.ended && page.events.length === 0) {
        end("ended");
        return;
      }
    } catch (error) {
      if (over) return;
      if (error instanceof ProblemError && [401, 403, 404, 422].includes(error.problem.status)) {
        end("rejected");
        follower.onRejected(error);
        return;
      }
      if (!(error instanceof AwayError || error instanceof ProblemError)) throw error;
    }
    retry = window.setTimeout(open, pause);
  }

  function onVisibility(): void {
    if (document.hidden) {
      flush();
      close();
    } else if (source === null) open();
  }

  function stop(): void {
    over = true;
    close();
    clearTimeout(flushing);
    document.removeEventListener("visibilitychange", onVisibility);
  }

  follower.onConnection("connecting");
  document.addEventListener("visibilitychange", onVisibility);
  open();
  return stop;
}
