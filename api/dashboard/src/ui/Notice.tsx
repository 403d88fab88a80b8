/** A boxed note, the empty state of a view, and what is shown while something loads. */
import type { ReactNode } from "react";

export type Tone = "info" | "good" | "warning" | "bad";

/** A remark. Give `live` where it appears after something that the reader did. */
export function Notice({ tone = "info", live = false, children }: { tone?: Tone; live?: boolean; children: ReactNode }) {
  return (
    <div className={`notice ${tone}`} role={live ? "status" : undefined}>
      {children}
    </div>
  );
}

/** Says what is missing, and what to do first. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Loading({ what = "Loading" }: { what?: string }) {
  return (
    <p className="loading" role="status">
      {what}
    </p>
  );
}
