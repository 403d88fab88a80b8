import { describe, expect, it } from "vitest";

import { readEvent } from "./events";

const numbered = (event: unknown) => ({ seq: 1, at: "2026-01-31T12:00:00Z", event });

describe("readEvent", () => {
  it("reads a known event and fills in what may be absent", () => {
    const { event } = readEvent(numbered({ type: "phase", phase: "training", status: "started" }));
    expect(event).toEqual({ type: "phase", phase: "training", status: "started", target: null, seconds: null });
  });

  it("ignores fields that it does not know", () => {
    const { event } = readEvent(numbered({ type: "log", level: "info", message: "<b>", colour: "red" }));
    expect(event).toEqual({ type: "log", level: "info", message: "<b>" });
  });

  it.each([{ type: "sample", value: 1 }, { type: "log", level: "shout", message: "" }, { type: "end" }])(
    "keeps %o for reading, but not as a known event",
    (event) => {
      expect(readEvent(numbered(event))).toEqual({ seq: 1, at: "2026-01-31T12:00:00Z", event: null, raw: event });
    },
  );

  it.each([null, {}, { seq: 0, at: "", event: { type: "log" } }, { seq: 1, at: "", event: {} }])("rejects %o", (value) => {
    expect(() => readEvent(value)).toThrow();
  });
});
