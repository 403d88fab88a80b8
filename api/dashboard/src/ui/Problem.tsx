/** What went wrong, in words, with what to do about it. */
import { Link, useParams } from "react-router";

import type { Problem } from "../api/problem";
import { AwayError, ProblemError } from "../api/problem";
import { type List, listOf } from "./listOf";

export function ProblemNotice({ error, again }: { error: unknown; again?: () => void }) {
  const { jobId } = useParams();
  const list = error instanceof ProblemError ? listOf(error.problem.code, jobId) : null;
  return (
    <div className="notice bad" role="alert">
      {error instanceof ProblemError ? <ProblemText problem={error.problem} list={list} /> : <p>{words(error)}</p>}
      {again && list === null && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** The content of a problem document, such as the error of a failed job; with a list to choose from in place of its `fix`. */
export function ProblemText({ problem, list = null }: { problem: Problem; list?: List | null }) {
  return (
    <>
      <p>
        <strong>{problem.title}.</strong> {problem.detail}
      </p>
      <p>{list === null ? problem.fix : <Link to={list.to}>{list.name}</Link>}</p>
      {problem.errors.length > 0 && (
        <ul>
          {problem.errors.map((one) => (
            <li key={one.pointer ?? one.parameter}>
              <code>{one.pointer ?? one.parameter}</code>: {one.detail}
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
  if (error instanceof AwayError) return "The service cannot be reached. This page keeps trying.";
  return error instanceof Error ? error.message : "Something went wrong in this page.";
}
