/** What went wrong, in words, with what to do about it. */
import type { Problem } from "../api/problem";
import { AwayError, ProblemError } from "../api/problem";

export function ProblemNotice({ error, again }: { error: unknown; again?: () => void }) {
  return (
    <div className="notice bad" role="alert">
      {error instanceof ProblemError ? <ProblemText problem={error.problem} /> : <p>{words(error)}</p>}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** The content of a problem document, such as the error of a failed job. */
export function ProblemText({ problem }: { problem: Problem }) {
  return (
    <>
      <p>
        <strong>{problem.title}.</strong> {problem.detail}
      </p>
      <p>{problem.fix}</p>
      {problem.errors.length > 0 && (
        <ul>
          {problem.errors.map((one) => (
            <li key={one.pointer}>
              <code>{one.pointer}</code>: {one.detail}
            </li>
          ))}
        </ul>
      )}
      <p className="quiet">
        Code <code>{problem.code}</code>
        {problem.instance ? (
          <>
            , request <code>{problem.instance}</code>
          </>
        ) : null}
      </p>
    </>
  );
}

function words(error: unknown): string {
  if (error instanceof AwayError) return "The service cannot be reached. This page asks again until it can.";
  return error instanceof Error ? error.message : "Something went wrong in this page.";
}
