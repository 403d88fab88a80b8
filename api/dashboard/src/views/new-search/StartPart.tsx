/** The trained network that a search starts from: a published one, an own one, or an own one that is uploaded now. */
import { useQuery } from "@tanstack/react-query";

import { api, got } from "../../api/client";
import { useNetworks } from "../../job/networks";
import { Field } from "../../ui/Field";
import { ProblemNotice } from "../../ui/Problem";
import { at } from "./fields";
import { ADVANCED, withSetting } from "./form";
import { shrinkable } from "./network";
import type { PartProps } from "./parts";
import { Uploader } from "./Uploader";

export function StartPart({ form, change, problems }: PartProps) {
  const sources = useQuery({ queryKey: ["sources"], queryFn: () => got(api.GET("/v1/sources")), staleTime: 60_000 });
  const networks = useNetworks();
  const published = sources.data?.items ?? [];
  const own = networks.data?.items ?? [];
  const value = form.advanced.start_from ?? ADVANCED.start_from;
  const selected = own.find(({ id }) => id === value);
  const isListed = selected !== undefined || ["auto", "none", ...published.map(({ id }) => id)].includes(value);
  const select = (id: string) => change({ advanced: withSetting(form.advanced, "start_from", id) });
  return (
    <>
      {networks.isError && <ProblemNotice error={networks.error} again={() => void networks.refetch()} />}
      <div className="two">
        <Field
          label="Start from"
          error={at(problems, "/spec/start_from")}
          hint={selected ? shrinkable(selected.summary) : "A trained network. Auto starts photographs from EfficientNet-Lite0, where its weights are installed."}
        >
          {(control) => (
            <select {...control} value={value} onChange={(event) => select(event.target.value)}>
              <option value="auto">auto</option>
              <option value="none">none: random weights</option>
              {published.map(({ id, installed }) => (
                <option key={id} value={id}>
                  {installed ? id : `${id} (not installed)`}
                </option>
              ))}
              {own.map(({ id, name, summary, created_at }) => (
                <option key={id} value={id}>
                  {name} ({summary.classes} classes, {created_at.slice(0, 10)})
                </option>
              ))}
              {!isListed && <option value={value}>{value}</option>}
            </select>
          )}
        </Field>
        <Uploader
          kind="network"
          label="Your own network"
          button="Upload a network"
          hint="A classifier as an .onnx file in floating point, of at most 768 MiB. Its classes may be others than those of the images."
          onDone={({ id }) => select(id)}
        />
      </div>
    </>
  );
}
