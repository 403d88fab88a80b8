/** The code of every view: loaded when the view is first opened, or before that, when the browser has nothing else to do. */
export const VIEWS = {
  jobs: async () => (await import("../views/jobs/JobsView")).JobsView,
  job: async () => (await import("../views/job/JobLayout")).JobLayout,
  search: async () => (await import("../views/search/SearchView")).SearchView,
  training: async () => (await import("../views/training/TrainingView")).TrainingView,
  candidate: async () => (await import("../views/candidate/CandidateView")).CandidateView,
  events: async () => (await import("../views/events/EventsView")).EventsView,
  newSearch: async () => (await import("../views/new-search/NewSearchView")).NewSearchView,
  newBatch: async () => (await import("../views/new-batch/NewBatchView")).NewBatchView,
  batch: async () => (await import("../views/batch/BatchView")).BatchView,
  models: async () => (await import("../views/models/ModelsView")).ModelsView,
  model: async () => (await import("../views/model/ModelView")).ModelView,
  notFound: async () => (await import("../views/NotFoundView")).NotFoundView,
} as const;

const AT_THE_LATEST_MS = 5000;

/** Loads all views, one after the other and only when idle, so that they open at once, also while the service is away. */
export async function loadAhead(): Promise<void> {
  for (const load of Object.values(VIEWS)) {
    await idle();
    // What cannot be loaded now is loaded when it is opened.
    await load().catch(() => undefined);
  }
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    // Safari has no requestIdleCallback.
    if ("requestIdleCallback" in window) window.requestIdleCallback(() => resolve(), { timeout: AT_THE_LATEST_MS });
    else setTimeout(resolve, 200);
  });
}
