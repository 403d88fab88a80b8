/** A button that uploads a file of the user's, with its progress and what the service says of it. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";

import { announce } from "../../ui/announce";
import { percent } from "../../ui/format";
import { ProblemNotice } from "../../ui/Problem";
import { ABOUT, type Made, unfit, upload, type Upload, type Uploadable } from "./upload";

interface Props<Kind extends Uploadable> {
  kind: Kind;
  label: string;
  hint: string;
  button: string;
  onDone: (made: Made[Kind]) => void;
}

export function Uploader<Kind extends Uploadable>({ kind, label, hint, button, onDone }: Props<Kind>) {
  const { sent, name, error, start, cancel } = useUpload(kind, onDone);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  return (
    <div className="field">
      <span className="label" id={id}>
        {label}
      </span>
      <input
        ref={input}
        type="file"
        accept={ABOUT[kind].endings.join(",")}
        className="visually-hidden"
        tabIndex={-1}
        aria-hidden="true"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = "";
          if (file) start(file);
        }}
      />
      {sent === null ? (
        <button type="button" aria-describedby={`${id}-hint`} onClick={() => input.current?.click()}>
          {button}
        </button>
      ) : (
        <div className="uploading">
          <progress aria-label={`Upload of ${name}`} max={1} {...(sent < 1 ? { value: sent } : {})} />
          <span className="small">{sent < 1 ? `${name}: ${percent(sent, 0)}` : `${name}: uploaded, validating`}</span>
          <button type="button" className="plain" onClick={cancel}>
            Cancel
          </button>
        </div>
      )}
      <p className="hint" id={`${id}-hint`}>
        {hint}
      </p>
      {typeof error === "string" && <p className="error">{error}</p>}
      {error !== null && typeof error !== "string" && <ProblemNotice error={error} />}
    </div>
  );
}

function useUpload<Kind extends Uploadable>(kind: Kind, onDone: (made: Made[Kind]) => void) {
  const [sent, setSent] = useState<number | null>(null);
  const [name, setName] = useState("");
  const [error, setError] = useState<unknown>(null);
  const running = useRef<Upload<Made[Kind]>>(null);
  const latest = useRef(onDone);
  useEffect(() => {
    latest.current = onDone; // the form may change during an upload
  });
  const queries = useQueryClient();
  useEffect(() => () => running.current?.cancel(), []);
  async function follow(file: File): Promise<void> {
    try {
      running.current = upload(kind, file, setSent);
      const made = await running.current.done;
      await queries.invalidateQueries({ queryKey: [ABOUT[kind].listed] });
      announce(`${made.name} is uploaded and selected`);
      latest.current(made);
    } catch (rejection) {
      if (!(rejection instanceof DOMException && rejection.name === "AbortError")) setError(rejection);
    } finally {
      setSent(null);
    }
  }
  function start(file: File): void {
    const reason = unfit(kind, file);
    setError(reason ?? null);
    if (reason !== undefined) return;
    setName(file.name);
    setSent(0);
    void follow(file);
  }
  return { sent, name, error, start, cancel: () => running.current?.cancel() };
}
