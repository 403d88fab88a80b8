/** One polite live region for the whole page: what a screen reader reads of changes that are not where the focus is. */
import { useSyncExternalStore } from "react";

let current = "";
const listeners = new Set<() => void>();

/** Says one short sentence. The same sentence twice in a row is read twice. */
export function announce(sentence: string): void {
  current = sentence === current ? `${sentence}\u00a0` : sentence;
  listeners.forEach((notify) => notify());
}

function subscribe(notify: () => void): () => void {
  listeners.add(notify);
  return () => listeners.delete(notify);
}

/** Once per page. */
export function LiveRegion() {
  const sentence = useSyncExternalStore(subscribe, () => current);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {sentence}
    </div>
  );
}
