/** A final model, and files of its bundle that the page reads. */
import { useQuery } from "@tanstack/react-query";

import { api, got, type Schemas } from "../../api/client";
import { AwayError } from "../../api/problem";

export type Model = Schemas["ModelDocument"];
export type Artifact = Schemas["Artifact"];

/** The model with its `ETag`, which a deletion names. */
export function useModel(modelId: string) {
  return useQuery({
    queryKey: ["models", modelId],
    queryFn: async () => {
      const answer = await api.GET("/v1/models/{model_id}", { params: { path: { model_id: modelId } } });
      const model = (await got(Promise.resolve(answer))) as Model;
      return { model, etag: answer.response.headers.get("ETag") };
    },
  });
}

/** The text of a file; a name never changes its content. */
export function useText(model: Model, name: string) {
  const artifact = model.artifacts.find((one) => one.name === name);
  return useQuery({
    queryKey: ["artifacts", artifact?.sha256],
    enabled: artifact !== undefined,
    staleTime: Infinity,
    queryFn: async ({ signal }) => {
      const answer = await fetch(artifact?.url ?? "", { signal, credentials: "same-origin" }).catch((error: unknown) => {
        throw signal.aborted ? error : new AwayError();
      });
      if (!answer.ok) throw new Error(`${name} cannot be read: the service answered with the status ${answer.status}.`);
      return answer.text();
    },
  });
}

export function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
