/** Whether the service can be reached, as the last request found it. */
let away = false;
const listeners = new Set<() => void>();

export function setAway(now: boolean): void {
  if (now === away) return;
  away = now;
  listeners.forEach((tell) => tell());
}

export function isAway(): boolean {
  return away;
}

export function onReach(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}
