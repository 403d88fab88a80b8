import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { EventPage } from "./eventPage";
import { type Connection, follow } from "./follow";
import { AwayError, type Problem, ProblemError } from "./problem";

const { eventPage } = vi.hoisted(() => ({ eventPage: vi.fn<() => Promise<EventPage>>() }));
vi.mock("./eventPage", () => ({ eventPage }));

/** A stream that the test speaks through. */
class Stream extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSED = 2;
  static all: Stream[] = [];
  readyState = Stream.CONNECTING;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(readonly url: string) {
    super();
    Stream.all.push(this);
  }

  static get newest(): Stream {
    const stream = Stream.all.at(-1);
    if (stream === undefined) throw new Error("nothing was opened");
    return stream;
  }

  get after(): number {
    return Number(new URL(this.url, "http://service").searchParams.get("after"));
  }

  say(from: number, to: number, type = "log"): void {
    this.readyState = Stream.OPEN;
    for (let seq = from; seq <= to; seq += 1) {
      const event = type === "log" ? { type, level: "info", message: "" } : { type, state: "succeeded" };
      this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify({ seq, at: "2026-01-31T12:00:00Z", event }) }));
    }
  }

  /** The connection is lost; the browser retries by itself unless it gave up. */
  lose(gaveUp: boolean): void {
    this.readyState = gaveUp ? Stream.CLOSED : Stream.CONNECTING;
    this.onerror?.();
  }

  close(): void {
    this.readyState = Stream.CLOSED;
  }
}

const started: (() => void)[] = [];

function followed(after = 0) {
  const numbers: number[] = [];
  const connections: Connection[] = [];
  const rejected = vi.fn();
  const stop = follow("job_1", after, {
    onEvents: (events) => numbers.push(...events.map((event) => event.seq)),
    onConnection: (connection) => connections.push(connection),
    onRejected: rejected,
  });
  started.push(stop);
  return { numbers, connections, rejected, stop };
}

function page(numbers: readonly number[], ended: boolean): EventPage {
  const raw = { type: "log" };
  return { events: numbers.map((seq) => ({ seq, at: "", event: null, raw })), next: 0, ended };
}

function rejection(status: number): ProblemError {
  const problem: Problem = { type: "", title: "", status, code: "", detail: "", fix: "", errors: [] };
  return new ProblemError(problem);
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
const hide = (hidden: boolean) => {
  vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  document.dispatchEvent(new Event("visibilitychange"));
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", Stream);
  Stream.all = [];
  eventPage.mockReset();
});

afterEach(() => {
  started.splice(0).forEach((stop) => stop());
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("follow", () => {
  it("hands on each event once and in order when the browser reconnects and some come again", async () => {
    const { numbers } = followed();
    Stream.newest.say(1, 3);
    Stream.newest.lose(false);
    Stream.newest.say(2, 5);
    await vi.runAllTimersAsync();
    expect(numbers).toEqual(upTo(5));
    expect(Stream.all).toHaveLength(1);
  });

  it("retries after the last event when the browser gave up, however often", async () => {
    const { numbers, connections } = followed();
    Stream.newest.say(1, 2);
    for (const failure of [new AwayError(), new AwayError(), rejection(503)]) {
      eventPage.mockRejectedValueOnce(failure);
      Stream.newest.lose(true);
      await vi.runAllTimersAsync();
    }
    eventPage.mockResolvedValueOnce(page([3], false));
    Stream.newest.lose(true);
    await vi.runAllTimersAsync();
    expect(Stream.all.map((stream) => stream.after)).toEqual([0, 2, 2, 2, 2]);
    Stream.newest.onopen?.();
    Stream.newest.say(3, 4);
    await vi.runAllTimersAsync();
    expect(numbers).toEqual(upTo(4));
    expect(connections.at(-1)).toBe("open");
  });

  it("ends at the end event, without another request", async () => {
    const { numbers, connections } = followed();
    Stream.newest.say(1, 2);
    Stream.newest.say(3, 3, "end");
    expect(numbers).toEqual(upTo(3));
    expect(connections.at(-1)).toBe("ended");
    expect(Stream.newest.readyState).toBe(Stream.CLOSED);
    hide(true);
    hide(false);
    await vi.runAllTimersAsync();
    expect(Stream.all).toHaveLength(1);
  });

  it("ends without retries when the job has ended and nothing follows", async () => {
    const { connections } = followed(7);
    eventPage.mockResolvedValueOnce(page([], true));
    Stream.newest.lose(true); // 204
    await vi.runAllTimersAsync();
    expect(connections.at(-1)).toBe("ended");
    expect(Stream.all).toHaveLength(1);
  });

  it.each([401, 403, 404])("reports a rejection with %i and stops", async (status) => {
    const { connections, rejected } = followed();
    eventPage.mockRejectedValueOnce(rejection(status));
    Stream.newest.lose(true);
    await vi.runAllTimersAsync();
    expect(connections.at(-1)).toBe("rejected");
    expect(rejected).toHaveBeenCalledOnce();
    expect(Stream.all).toHaveLength(1);
  });

  it("opens a new stream without telling of a loss when the service ends a long one", async () => {
    const { numbers, connections } = followed();
    Stream.newest.onopen?.();
    Stream.newest.say(1, 1);
    Stream.newest.dispatchEvent(new MessageEvent("reconnect", { data: "{}" }));
    await vi.runAllTimersAsync();
    expect(Stream.newest.after).toBe(1);
    Stream.newest.say(2, 2);
    await vi.runAllTimersAsync();
    expect(numbers).toEqual([1, 2]);
    expect(connections).not.toContain("away");
  });

  it("lets go of its connection while the page is hidden, and misses nothing", async () => {
    const { numbers } = followed();
    Stream.newest.say(1, 2);
    hide(true);
    expect(numbers).toEqual([1, 2]);
    expect(Stream.newest.readyState).toBe(Stream.CLOSED);
    hide(false);
    expect(Stream.newest.after).toBe(2);
    Stream.newest.say(3, 3);
    await vi.runAllTimersAsync();
    expect(numbers).toEqual(upTo(3));
  });

  it("hands on what came before it was stopped, nothing after, and drops what cannot be read", async () => {
    const logged = vi.spyOn(console, "error").mockReturnValue(undefined);
    const { numbers, stop } = followed();
    Stream.newest.dispatchEvent(new MessageEvent("log", { data: "{" }));
    Stream.newest.say(1, 1);
    await vi.runAllTimersAsync();
    stop();
    Stream.newest.say(2, 2);
    await vi.runAllTimersAsync();
    expect(numbers).toEqual([1]);
    expect(logged).toHaveBeenCalledOnce();
  });

  it("gives the same events in one batch", async () => {
    const batches: number[] = [];
    const stop = follow("job_1", 0, {
      onEvents: (events) => batches.push(events.length),
      onConnection: () => undefined,
      onRejected: () => undefined,
    });
    Stream.newest.say(1, 1000);
    await vi.runAllTimersAsync();
    expect(batches).toEqual([1000]);
    stop();
  });
});
