/** The data set of a job: an existing one, or one that is uploaded now. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";

import type { Schemas } from "../../api/client";
import { useDatasets } from "../../job/datasets";
import { announce } from "../../ui/announce";
import { Field } from "../../ui/Field";
import { percent } from "../../ui/format";
import { ProblemNotice } from "../../ui/Problem";
import { at } from "./fields";
import type { PartProps } from "./parts";
import { unfit, upload, type Upload } from "./upload";

type Dataset = Schemas["DatasetDocument"];

export function DataPart({ form, change, problems }: PartProps) {
  const datasets = useDatasets();
  const known = datasets.data?.items ?? [];
  const selected = known.find((one) => one.id === form.data);
  return (
    <section aria-labelledby="data-title">
      <h2 id="data-title">Data set</h2>
      {datasets.isError && <ProblemNotice error={datasets.error} again={() => void datasets.refetch()} />}
      <div className="two">
        <Field label="Images" error={at(problems, "/spec/data")} hint={selected ? <Summary of={selected} /> : about(form.data)}>
          {(control) => (
            <select {...control} value={form.data} onChange={(event) => change({ data: event.target.value })}>
              <option value="digits">digits (built in)</option>
              {known.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.name} ({one.summary.classes.length} classes, {one.created_at.slice(0, 10)})
                </option>
              ))}
              {selected === undefined && form.data !== "digits" && <option value={form.data}>{form.data}</option>}
            </select>
          )}
        </Field>
        <Uploader onDone={(made) => change({ data: made.id })} />
      </div>
    </section>
  );
}

function about(data: string): string {
  return data === "digits" ? "1,797 handwritten digits, 8 × 8 pixels, grayscale, 10 classes." : "";
}

function Summary({ of: { summary } }: { of: Dataset }) {
  const { images, classes, resolution, channels, skipped, warnings } = summary;
  const total = images.train + images.val + images.test;
  return (
    <>
      {total.toLocaleString("en")} images ({images.train.toLocaleString("en")} training, {images.val.toLocaleString("en")} validation,{" "}
      {images.test.toLocaleString("en")} test), {resolution} × {resolution} pixels, {channels === 1 ? "grayscale" : "RGB"}, {classes.length} classes.
      {skipped > 0 && ` ${skipped} corrupt files were skipped.`} {warnings.join(" ")}
    </>
  );
}

function Uploader({ onDone }: { onDone: (made: Dataset) => void }) {
  const { sent, name, error, start, cancel } = useUpload(onDone);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  return (
    <div className="field">
      <span className="label" id={id}>
        Your own images
      </span>
      <input
        ref={input}
        type="file"
        accept=".zip,.npz"
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
          Upload a file
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
        A .zip of class folders, or an .npz with train_x and train_y, of at most 2 GiB. The service validates it.
      </p>
      {typeof error === "string" && <p className="error">{error}</p>}
      {error !== null && typeof error !== "string" && <ProblemNotice error={error} />}
    </div>
  );
}

function useUpload(onDone: (made: Dataset) => void) {
  const [sent, setSent] = useState<number | null>(null);
  const [name, setName] = useState("");
  const [error, setError] = useState<unknown>(null);
  const running = useRef<Upload>(null);
  const queries = useQueryClient();
  useEffect(() => () => running.current?.cancel(), []);
  async function follow(file: File): Promise<void> {
    try {
      running.current = upload(file, setSent);
      const made = await running.current.done;
      await queries.invalidateQueries({ queryKey: ["datasets"] });
      announce(`${made.name} is uploaded and selected`);
      onDone(made);
    } catch (rejection) {
      if (!(rejection instanceof DOMException && rejection.name === "AbortError")) setError(rejection);
    } finally {
      setSent(null);
    }
  }
  function start(file: File): void {
    const reason = unfit(file);
    setError(reason ?? null);
    if (reason !== undefined) return;
    setName(file.name);
    setSent(0);
    void follow(file);
  }
  return { sent, name, error, start, cancel: () => running.current?.cancel() };
}
