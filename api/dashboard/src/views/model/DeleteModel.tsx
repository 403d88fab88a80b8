/** Deletes a model after a confirmation; not when it has changed since it was shown. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";

import { api, got } from "../../api/client";
import { announce } from "../../ui/announce";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import type { Model } from "./useModel";

export function DeleteModel({ model, etag }: { model: Model; etag: string | null }) {
  const [confirming, setConfirming] = useState(false);
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
      <button type="button" onClick={() => setConfirming(true)}>
        Delete
      </button>
      {confirming && (
        <ConfirmDialog
          title="Delete this model?"
          confirm="Delete"
          danger
          busy={remove.isPending}
          error={remove.error}
          onConfirm={() => remove.mutate()}
          onClose={() => {
            setConfirming(false);
            remove.reset();
          }}
        >
          <p>
            <code>{model.id}</code> for {model.target} and its files are deleted. This cannot be undone. The job that exported it stays.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
