/** Whether the service can be reached, as the last request found it. */
let away = false;
const listeners = new Set<() => void>();

export function setAway(now: boolean): void {
  if (now === away) return;
  away = now;
  listeners.forEach((notify) => notify());
}

export function isAway(): boolean {
  return away;
}

export function onReach(notify: () => void): () => void {
  listeners.add(notify);
  return () => listeners.delete(notify);
}
