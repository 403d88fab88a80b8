/** The data set of a job: an existing one, or one that is uploaded now. */
import type { Schemas } from "../../api/client";
import { useDatasets } from "../../job/datasets";
import { Field } from "../../ui/Field";
import { ProblemNotice } from "../../ui/Problem";
import { at } from "./fields";
import type { PartProps } from "./parts";
import { Uploader } from "./Uploader";

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
        <Uploader
          kind="dataset"
          label="Your own images"
          button="Upload a file"
          hint="A .zip of class folders, or an .npz with train_x and train_y, of at most 2 GiB. The service validates it."
          onDone={({ id }) => change({ data: id })}
        />
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
