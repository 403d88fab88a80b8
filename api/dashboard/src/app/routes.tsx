/** Every view with its address. A view that fails is replaced by what it says; the frame around it stays. */
import { createBrowserRouter } from "react-router";

import { Broken, BrokenPage } from "./Broken";
import { Shell } from "./Shell";
import { VIEWS } from "./views";

const view = (name: keyof typeof VIEWS) => async () => ({ Component: await VIEWS[name]() });

export const router = createBrowserRouter([
  {
    Component: Shell,
    ErrorBoundary: BrokenPage,
    HydrateFallback: () => null,
    children: [
      {
        ErrorBoundary: Broken,
        children: [
          { index: true, lazy: view("jobs") },
          { path: "new", lazy: view("newSearch") },
          { path: "new/batch", lazy: view("newBatch") },
          {
            path: "jobs/:jobId",
            lazy: view("job"),
            children: [
              {
                ErrorBoundary: Broken,
                children: [
                  { index: true, lazy: view("search") },
                  { path: "training", lazy: view("training") },
                  { path: "candidates", lazy: view("candidate") },
                  { path: "cells", lazy: view("batch") },
                  { path: "events", lazy: view("events") },
                ],
              },
            ],
          },
          { path: "models", lazy: view("models") },
          { path: "models/:modelId", lazy: view("model") },
          { path: "*", lazy: view("notFound") },
        ],
      },
    ],
  },
]);
