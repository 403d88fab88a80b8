/** The one way to call the service: typed by its OpenAPI document, with the session's CSRF token, and errors as `ProblemError`. */
import createClient from "openapi-fetch";

import { AwayError, type Problem, ProblemError } from "./problem";
import { setAway } from "./reach";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

let csrfToken: string | null = null;

/** Keeps the token that writes of the signed-in session need; null when signed out. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Headers of a write that does not go through `api`, such as an upload with progress. */
export function writeHeaders(): Record<string, string> {
  return csrfToken === null ? {} : { "X-CSRF-Token": csrfToken };
}

export const api = createClient<paths>({
  baseUrl: window.location.origin,
  credentials: "same-origin",
  fetch: async (request) => {
    if (csrfToken !== null && request.method !== "GET") request.headers.set("X-CSRF-Token", csrfToken);
    let response: Response;
    try {
      response = await fetch(request);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      setAway(true);
      throw new AwayError();
    }
    // What a proxy says of a service that is away; the service itself never answers so.
    const absent = response.status === 502 || response.status === 504;
    setAway(absent);
    if (absent) throw new AwayError();
    return response;
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * The body of an answer: `await got(api.GET("/v1/jobs", ...))`.
 *
 * @throws ProblemError the service rejected it; AwayError it cannot be reached.
 */
export async function got<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  throw new ProblemError(isProblem(error) ? error : unreadable(response.status));
}

/** As `got`, as a schema of the API: `openapi-fetch` answers with tuples widened to arrays, which do not fit the schema's own type. */
export async function gotAs<T>(call: Promise<Answer<unknown>>): Promise<T> {
  return (await got(call)) as T;
}

export function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "detail" in value && "fix" in value;
}

function unreadable(status: number): Problem {
  return {
    type: "about:blank",
    title: "The service did not answer as expected",
    status,
    code: "unreadable",
    detail: `The answer had the status ${status} and no problem document.`,
    fix: "Check the log of the proxy between this page and the service, if there is one.",
    errors: [],
  };
}
