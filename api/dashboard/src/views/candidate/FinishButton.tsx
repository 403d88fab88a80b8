/** Has the service finish, measure and deliver an architecture that the search evaluated and did not deliver. */
import { useSubmit } from "../../job/useSubmit";
import { ProblemNotice } from "../../ui/Problem";

export function FinishButton({ jobId, architectureId, target }: { jobId: string; architectureId: string; target: string }) {
  const finish = useSubmit();
  return (
    <>
      <button
        type="button"
        title="Fine-tunes, quantises and measures it, and delivers the model"
        aria-disabled={finish.isPending}
        onClick={() => {
          if (!finish.isPending) finish.mutate({ kind: "export", job: jobId, architecture_id: architectureId, target });
        }}
      >
        {finish.isPending ? "Queueing" : "Finish it"}
        <span className="visually-hidden"> ({architectureId} for {target})</span>
      </button>
      {finish.isError && <ProblemNotice error={finish.error} />}
    </>
  );
}
