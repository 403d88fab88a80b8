/** What can go wrong when the service is called. */
import type { components } from "./schema";

export type Problem = components["schemas"]["Problem"];

/** The service answered with a problem document. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  constructor(readonly problem: Problem) {
    super(problem.detail);
  }

  /** Nobody is signed in, or no longer. */
  get isSignedOut(): boolean {
    return this.problem.status === 401;
  }
}

/** The service cannot be reached: it is restarting, or the network is down. Trying again later is right. */
export class AwayError extends Error {
  override readonly name = "AwayError";

  constructor() {
    super("The service cannot be reached.");
  }
}

/** Whether trying again without a change may help. */
export function isTransient(error: unknown): boolean {
  return error instanceof AwayError || (error instanceof ProblemError && [429, 502, 503, 504].includes(error.problem.status));
}
