/** One polite live region for the whole page: what a screen reader is told of changes that are not where the focus is. */
import { useSyncExternalStore } from "react";

let said = "";
const listeners = new Set<() => void>();

/** Says one short sentence. The same sentence twice in a row is said twice. */
export function announce(sentence: string): void {
  said = sentence === said ? `${sentence}\u00a0` : sentence;
  listeners.forEach((tell) => tell());
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

/** Stands once in the page. */
export function LiveRegion() {
  const sentence = useSyncExternalStore(subscribe, () => said);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {sentence}
    </div>
  );
}
