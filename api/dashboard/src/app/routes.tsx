/** Every view with its address. Each is loaded when it is first opened. */
import { createBrowserRouter } from "react-router";

import { Broken } from "./Broken";
import { Shell } from "./Shell";

export const router = createBrowserRouter([
  {
    Component: Shell,
    ErrorBoundary: Broken,
    HydrateFallback: () => null,
    children: [
      { index: true, lazy: async () => ({ Component: (await import("../views/jobs/JobsView")).JobsView }) },
      { path: "new", lazy: async () => ({ Component: (await import("../views/new-search/NewSearchView")).NewSearchView }) },
      {
        path: "jobs/:jobId",
        lazy: async () => ({ Component: (await import("../views/job/JobLayout")).JobLayout }),
        children: [
          { index: true, lazy: async () => ({ Component: (await import("../views/search/SearchView")).SearchView }) },
          { path: "training", lazy: async () => ({ Component: (await import("../views/training/TrainingView")).TrainingView }) },
          { path: "candidates", lazy: async () => ({ Component: (await import("../views/candidate/CandidateView")).CandidateView }) },
          { path: "events", lazy: async () => ({ Component: (await import("../views/events/EventsView")).EventsView }) },
        ],
      },
      { path: "models", lazy: async () => ({ Component: (await import("../views/models/ModelsView")).ModelsView }) },
      { path: "models/:modelId", lazy: async () => ({ Component: (await import("../views/model/ModelView")).ModelView }) },
      { path: "*", lazy: async () => ({ Component: (await import("../views/NotFoundView")).NotFoundView }) },
    ],
  },
]);
