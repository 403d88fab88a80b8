/**
 * Follows the events of a job: each exactly once and in order, over lost connections and restarts of the service.
 *
 * `EventSource` reconnects by itself after a lost connection, with the number of the last event. It gives up for good when
 * a proxy or a starting service answers with an error; then this asks again, from the last event that was handed on.
 */
import { type NumberedEvent, readEvent } from "./events";

export type Connection = "connecting" | "open" | "away" | "ended";

/** Who is told. Events come in batches, at most one a frame. */
export interface Follower {
  onEvents(events: NumberedEvent[]): void;
  onConnection(connection: Connection): void;
  /** The stream was refused; says whether to ask again (after looking whether the session still holds). */
  onRefused(): Promise<boolean>;
}

const TYPES = ["phase", "progress", "metric", "candidate", "front", "checkpoint", "log", "state", "end"];
const PAUSES_MS = [500, 1000, 2000, 5000];

/** Starts after the event `after`; the answer stops it. */
export function follow(jobId: string, after: number, follower: Follower): () => void {
  let last = after;
  let failures = 0;
  let stopped = false;
  let source: EventSource | null = null;
  let timer: number | undefined;
  let frame: number | undefined;
  let waiting: NumberedEvent[] = [];

  function open(): void {
    if (stopped) return;
    source = new EventSource(`/v1/jobs/${encodeURIComponent(jobId)}/events?after=${last}`);
    source.onopen = () => {
      failures = 0;
      follower.onConnection("open");
    };
    source.onerror = () => {
      follower.onConnection("away");
      if (source?.readyState === EventSource.CLOSED) void again();
    };
    for (const type of TYPES) source.addEventListener(type, take);
  }

  function take(message: MessageEvent<string>): void {
    let event: NumberedEvent;
    try {
      event = readEvent(JSON.parse(message.data));
    } catch (error) {
      console.error("the service sent an event that cannot be read", error);
      return;
    }
    if (event.seq <= last) return; // sent again after a reconnect
    last = event.seq;
    waiting.push(event);
    if (event.raw.type === "end") {
      source?.close();
      flush();
      follower.onConnection("ended");
      return;
    }
    frame ??= requestAnimationFrame(flush);
  }

  function flush(): void {
    if (frame !== undefined) cancelAnimationFrame(frame);
    frame = undefined;
    const events = waiting;
    waiting = [];
    if (events.length > 0 && !stopped) follower.onEvents(events);
  }

  async function again(): Promise<void> {
    source?.close();
    const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 5000;
    failures += 1;
    const wanted = await follower.onRefused();
    if (wanted && !stopped) timer = window.setTimeout(open, pause);
  }

  follower.onConnection("connecting");
  open();
  return () => {
    stopped = true;
    source?.close();
    if (timer !== undefined) clearTimeout(timer);
    if (frame !== undefined) cancelAnimationFrame(frame);
  };
}
