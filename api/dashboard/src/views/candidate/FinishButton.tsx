/** Has the service finish, measure and deliver an architecture that the search evaluated and did not deliver. */
import { useMutation } from "@tanstack/react-query";
import { useRef } from "react";
import { useNavigate } from "react-router";

import { api, got, type Schemas } from "../../api/client";
import { announce } from "../../ui/announce";
import { ProblemNotice } from "../../ui/Problem";
import { freshKey } from "../new-search/useSubmit";

export function FinishButton({ jobId, architectureId, target }: { jobId: string; architectureId: string; target: string }) {
  const key = useRef<string>(null);
  const navigate = useNavigate();
  const finish = useMutation({
    mutationFn: () => {
      key.current ??= freshKey();
      const spec = { kind: "export", job: jobId, architecture_id: architectureId, target };
      const header = { "idempotency-key": key.current };
      return got(api.POST("/v1/jobs", { params: { header }, body: { spec: spec as unknown as Schemas["JobCreate"]["spec"] } }));
    },
    onSuccess: async (job) => {
      key.current = null;
      announce("Queued");
      if ("id" in job) await navigate(`/jobs/${job.id}`);
    },
  });
  return (
    <>
      <button
        type="button"
        title="Fine-tunes, quantises and measures it, and delivers the model"
        aria-disabled={finish.isPending} onClick={() => {
          if (!finish.isPending) finish.mutate();
        }}
      >
        Finish it<span className="visually-hidden"> ({architectureId} for {target})</span>
      </button>
      {finish.isError && <ProblemNotice error={finish.error} />}
    </>
  );
}
