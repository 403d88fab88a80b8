/** Starts the page: how the service is called (with retries while it is away), who is signed in, and the views. */
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router";

import { AwayError, isTransient, ProblemError } from "./api/problem";
import { router } from "./app/routes";
import { SessionProvider } from "./app/session";
import { loadAhead } from "./app/views";
import "./theme.css";
import "./ui/ui.css";

/** An answer that says "signed out" has the session looked at, which shows the form to sign in. */
function onError(error: Error): void {
  if (error instanceof ProblemError && error.isSignedOut) void queries.invalidateQueries({ queryKey: ["session"] });
}

const queries: QueryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2000,
      retry: (failures, error) => error instanceof AwayError || (isTransient(error) && failures < 5),
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 5000),
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
});

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no element #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <SessionProvider>
        <RouterProvider router={router} />
      </SessionProvider>
    </QueryClientProvider>
  </StrictMode>,
);

/** Once the first view is there. */
const stop = router.subscribe(({ initialized }) => {
  if (initialized) start();
});
function start(): void {
  stop();
  void loadAhead();
}
if (router.state.initialized) start();
