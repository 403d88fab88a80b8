/** What happens in a job, line by line: followed as it happens, filtered, searched, and back to its beginning. */
import { useState } from "react";
import { useParams, useSearchParams } from "react-router";

import type { Followed } from "../../job/useJob";
import { isTick } from "../../job/state";
import { announce } from "../../ui/announce";
import { Field } from "../../ui/Field";
import { Empty } from "../../ui/Notice";
import { ProblemNotice } from "../../ui/Problem";
import { useFollowed, useJobTitle } from "../job/JobLayout";
import "./events.css";
import { LineList } from "./LineList";
import { isShown, type Level, nextError, type Shown } from "./lines";
import { useLines } from "./useLines";

const LEVELS: readonly (readonly [Level, string])[] = [
  ["info", "all"],
  ["warning", "warnings and errors"],
  ["error", "errors"],
];
const TYPES = ["plan", "phase", "candidate", "front", "finalist", "measurement", "checkpoint", "cell", "batch", "item", "log", "state", "end", "progress", "metric"];

export function EventsView() {
  const { jobId = "" } = useParams<"jobId">();
  const followed = useFollowed();
  const [params] = useSearchParams();
  const ticks = isTick(params.get("type") ?? "");
  useJobTitle("Events");
  return <Events key={String(ticks)} jobId={jobId} followed={followed} ticks={ticks} />;
}

function Events({ jobId, followed, ticks }: { jobId: string; followed: Followed; ticks: boolean }) {
  const { state, connection } = followed;
  const [shown, show] = useShown();
  const all = useLines(jobId, ticks ? state.ticks : state.events, ticks);
  const lines = all.lines.filter((line) => isShown(line, shown));
  const [following, setFollowing] = useState(true);
  const [at, setAt] = useState(-1);

  function toError(): void {
    const found = nextError(lines, at);
    if (found < 0) {
      announce(all.hasOlder ? "No error in these lines; older ones are not loaded" : "There is no error");
      return;
    }
    setFollowing(false);
    setAt(found);
    announce(lines[found]?.text ?? "");
  }

  return (
    <>
      <h1>Events</h1>
      <div className="events-tools toolbar end">
        <Field label="Level">
          {(control) => (
            <select {...control} value={shown.level} onChange={(event) => show({ level: event.target.value })}>
              {LEVELS.map(([level, name]) => (
                <option key={level} value={level}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Type">
          {(control) => (
            <select {...control} value={shown.type} onChange={(event) => show({ type: event.target.value })}>
              <option value="">all but progress and metrics</option>
              {TYPES.map((type) => (
                <option key={type}>{type}</option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Search">
          {(control) => <input {...control} type="search" value={shown.text} onChange={(event) => show({ q: event.target.value })} />}
        </Field>
        <button type="button" onClick={toError}>
          {at < 0 ? "First error" : "Next error"}
        </button>
        {!state.ended && (
          <button type="button" aria-pressed={following} onClick={() => setFollowing(!following)}>
            Follow
          </button>
        )}
        <span className="quiet small push">{lines.length.toLocaleString("en")} {lines.length === 1 ? "line" : "lines"}</span>
      </div>
      {all.error != null && <ProblemNotice error={all.error} />}
      {all.hasOlder && (
        <p>
          <button type="button" disabled={all.loading} onClick={() => void all.loadOlder().catch(() => undefined)}>
            {all.loading ? "Loading" : "Load older events"}
          </button>
        </p>
      )}
      {lines.length > 0 ? (
        <LineList lines={lines} following={following && !state.ended} onFollow={setFollowing} at={at} />
      ) : (
        <Empty title={all.lines.length > 0 ? "No line matches" : connection === "connecting" ? "Loading events" : "Nothing has happened yet"} />
      )}
    </>
  );
}

/** What is shown, as the address says it. */
function useShown(): [Shown, (changed: Readonly<Record<string, string>>) => void] {
  const [params, setParams] = useSearchParams();
  const level = LEVELS.find(([one]) => one === params.get("level"))?.[0] ?? "info";
  const shown = { level, type: params.get("type") ?? "", text: params.get("q") ?? "" };
  const show = (changed: Readonly<Record<string, string>>) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changed)) {
          if (value === "" || value === "info") next.delete(name);
          else next.set(name, value);
        }
        return next;
      },
      { replace: true },
    );
  return [shown, show];
}
