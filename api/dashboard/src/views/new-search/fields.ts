/** The field that a problem of the service belongs to. */
import { AwayError, ProblemError } from "../../api/problem";
import type { FieldProblem } from "./form";

/** Problems without pointers that are always about one field. */
const FIELD_OF: Record<string, string> = {
  unknown_dataset: "/spec/data",
  invalid_data: "/spec/data",
  unknown_target: "/spec/targets",
  unknown_searcher: "/spec/searcher",
  target_unavailable: "/spec/targets",
  infeasible_budget: "/spec/targets",
  infeasible_limits: "/spec/limits",
  invalid_budget: "/spec/targets",
  invalid_space: "/spec/space",
  unsupported_space: "/spec/space",
  source_unavailable: "/spec/start_from",
  unknown_network: "/spec/start_from",
};

/** The problems of single fields in an error; none when it is about none of them. */
export function problemsOf(error: unknown): FieldProblem[] {
  if (!(error instanceof ProblemError)) return [];
  const { code, detail, fix, errors, facts } = error.problem;
  const pointed = errors.flatMap((one) => (one.pointer ? [{ pointer: tidy(one.pointer), detail: one.detail }] : []));
  const real = pointed.filter((one) => !(one.pointer === "/spec/targets" && isConsequence(one, pointed)));
  if (real.length > 0) return real;
  const pointer = facts?.["least_minutes"] === undefined ? FIELD_OF[code] : "/spec/minutes";
  if (pointer === undefined) return [];
  const lines = facts?.["fields"];
  const more = Array.isArray(lines) && !detail.includes(String(lines[0])) ? ` ${lines.join("; ")}` : "";
  return [{ pointer, detail: `${detail}${more} ${fix}` }];
}

/** What is wrong with a field itself, or with anything within it. */
export function at(problems: readonly FieldProblem[], pointer: string, within = false): string | undefined {
  const found = problems.filter((one) => one.pointer === pointer || (within && one.pointer.startsWith(`${pointer}/`)));
  return found.length === 0 ? undefined : found.map((one) => one.detail).join(" ");
}

/** Whether the error is shown beside the form, since no field has it. */
export function isElsewhere(error: unknown): boolean {
  return error instanceof AwayError || (error !== null && error !== undefined && problemsOf(error).length === 0);
}

/** The union of kinds adds its tag to pointers in some versions: `/spec/search/seed` is `/spec/seed`. */
function tidy(pointer: string): string {
  return pointer.replace(/^\/spec\/(search|profiling|supernet_training|batch)\//, "/spec/");
}

/** When one target is wrong, the list is called empty as well. */
function isConsequence(one: FieldProblem, all: FieldProblem[]): boolean {
  return all.some((other) => other !== one && other.pointer.startsWith("/spec/targets/"));
}
