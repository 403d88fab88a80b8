/** Arithmetic of curves: smoothing, thinning for the screen, and the value at a step. */

export interface Points {
  /** Rising. */
  steps: readonly number[];
  values: readonly number[];
}

/**
 * An exponential moving average whose start is not drawn to zero: each value is the mean of all before it, with weights
 * that fall by `weight` a point (Kingma and Ba 2015, section 3: the correction of the bias). 0 changes nothing.
 */
export function smoothed(values: readonly number[], weight: number): number[] {
  if (weight <= 0) return [...values];
  let sum = 0;
  let weights = 0;
  return values.map((value) => {
    sum = weight * sum + (1 - weight) * value;
    weights = weight * weights + (1 - weight);
    return sum / weights;
  });
}

/** At most about `most` points: of each stretch the least and the greatest value stay, so that no peak is lost. */
export function thinned({ steps, values }: Points, most: number): Points {
  const count = steps.length;
  if (count <= most) return { steps, values };
  const stretches = Math.max(1, Math.floor((most - 2) / 2));
  const kept = new Set([0, count - 1]);
  for (let stretch = 0; stretch < stretches; stretch += 1) {
    const from = Math.floor((stretch * count) / stretches);
    const to = Math.floor(((stretch + 1) * count) / stretches);
    let [least, greatest] = [from, from];
    for (let i = from; i < to; i += 1) {
      if (at(values, i) < at(values, least)) least = i;
      if (at(values, i) > at(values, greatest)) greatest = i;
    }
    kept.add(least).add(greatest);
  }
  const order = [...kept].sort((a, b) => a - b);
  return { steps: order.map((i) => at(steps, i)), values: order.map((i) => at(values, i)) };
}

/** Index of the last point at or before a step; -1 before the first. By bisection. */
export function indexAt(steps: readonly number[], step: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(steps, middle) <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** All steps that any of the curves has, rising. */
export function allSteps(curves: readonly Points[]): number[] {
  return [...new Set(curves.flatMap((curve) => curve.steps))].sort((a, b) => a - b);
}

/** Index of the entry nearest to a value, of a rising list; -1 of an empty one. */
export function nearestIndex(rising: readonly number[], value: number): number {
  const before = indexAt(rising, value);
  if (before < 0) return rising.length > 0 ? 0 : -1;
  const next = Math.min(rising.length - 1, before + 1);
  return value - at(rising, before) <= at(rising, next) - value ? before : next;
}

function at(list: readonly number[], index: number): number {
  return list[index] ?? Number.NaN;
}
