/** Has the service train, quantise, measure and export an architecture that the search evaluated. */
import { useSubmit } from "../../job/useSubmit";
import { ProblemNotice } from "../../ui/Problem";

export function ExportButton({ jobId, architectureId, target }: { jobId: string; architectureId: string; target: string }) {
  const submit = useSubmit();
  return (
    <>
      <button
        type="button"
        title="Fine-tunes, quantises and measures this network, then exports the model"
        aria-disabled={submit.isPending}
        onClick={() => {
          if (!submit.isPending) submit.mutate({ kind: "export", job: jobId, architecture_id: architectureId, target });
        }}
      >
        {submit.isPending ? "Starting" : "Train and export"}
        <span className="visually-hidden"> ({architectureId} for {target})</span>
      </button>
      {submit.isError && <ProblemNotice error={submit.error} />}
    </>
  );
}
