/** Removes a model after asking; not when it changed since it was shown. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";

import { api, got } from "../../api/client";
import { announce } from "../../ui/announce";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import type { Model } from "./useModel";

export function DeleteModel({ model, etag }: { model: Model; etag: string | null }) {
  const [asks, setAsks] = useState(false);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation({
    mutationFn: () => {
      const header = etag === null ? {} : { "if-match": etag };
      return got(api.DELETE("/v1/models/{model_id}", { params: { path: { model_id: model.id }, header } }));
    },
    onSuccess: async () => {
      announce("The model is deleted");
      await navigate("/models", { replace: true });
      queries.removeQueries({ queryKey: ["models", model.id] });
      await queries.invalidateQueries({ queryKey: ["models"] });
    },
    onError: () => queries.invalidateQueries({ queryKey: ["models", model.id] }),
  });
  return (
    <>
      <button type="button" onClick={() => setAsks(true)}>
        Delete
      </button>
      {asks && (
        <ConfirmDialog
          title="Delete this model?"
          confirm="Delete"
          danger
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => {
            setAsks(false);
            remove.reset();
          }}
        >
          <p>
            <code>{model.id}</code> for {model.target} and its files are removed. This cannot be taken back. The job that delivered it stays.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
