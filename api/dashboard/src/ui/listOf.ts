/** Where the dashboard lists what a problem did not find: what a reader can do, where `fix` says what a program does. */

export interface List {
  to: string;
  name: string;
}

/** Null for a problem of another kind, or where there is no list. `jobId` is of the job whose page is open. */
export function listOf(code: string, jobId: string | undefined): List | null {
  switch (code) {
    case "unknown_job":
      return { to: "/", name: "All jobs" };
    case "unknown_model":
    case "unknown_artifact":
      return { to: "/models", name: "All models" };
    case "unknown_candidate":
    case "unknown_architecture":
      return jobId === undefined ? null : { to: `/jobs/${jobId}/candidates`, name: "Choose another candidate" };
    default:
      return null;
  }
}
