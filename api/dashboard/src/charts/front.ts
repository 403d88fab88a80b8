/** Pareto fronts of something to be low against something to be high, and the area they dominate: as `nas/search/front.py` has them. */

/**
 * Indices of the points that no other beats, the lowest x first; of equal points the first. `counts` says which points take
 * part. One pass, with a search by bisection in the front so far.
 */
export function pareto(xs: ArrayLike<number>, ys: ArrayLike<number>, counts: (index: number) => boolean = () => true): number[] {
  const front: number[] = [];
  for (let index = 0; index < xs.length; index += 1) if (counts(index)) join(front, xs, ys, index);
  return front;
}

/** Adds a point to a front in place; says whether the front changed. */
export function join(front: number[], xs: ArrayLike<number>, ys: ArrayLike<number>, index: number): boolean {
  const [x, y] = [of(xs, index), of(ys, index)];
  if (!Number.isFinite(x) || !Number.isFinite(y)) return false;
  let [low, high] = [0, front.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(xs, front[middle]) <= x) low = middle + 1;
    else high = middle;
  }
  // Along the front y rises with x, so the last at or before x is the best that is no slower.
  if (low > 0 && of(ys, front[low - 1]) >= y) return false;
  let from = low;
  while (from > 0 && of(xs, front[from - 1]) === x) from -= 1;
  let to = low;
  while (to < front.length && of(ys, front[to]) <= y) to += 1;
  front.splice(from, to - from, index);
  return true;
}

/** The area that a front dominates, against y = 0 and x = `limit`; points at or beyond the limit count nothing. */
export function hypervolume(front: readonly number[], xs: ArrayLike<number>, ys: ArrayLike<number>, limit: number): number {
  const inside = front.filter((index) => of(xs, index) < limit);
  return inside.reduce((sum, index, at) => {
    const end = at + 1 < inside.length ? of(xs, inside[at + 1]) : limit;
    return sum + of(ys, index) * (end - of(xs, index));
  }, 0);
}

export interface Growth {
  /** How many points there were. */
  evaluations: number[];
  /** Share of `limit` times 1 that the front dominated then, 0 to 1. */
  shares: number[];
}

/** The hypervolume after each point that changed the front, as a share of all that lies within the limit. */
export function growth(xs: ArrayLike<number>, ys: ArrayLike<number>, limit: number): Growth {
  const found: Growth = { evaluations: [], shares: [] };
  if (!(limit > 0) || xs.length === 0) return found;
  const front: number[] = [];
  for (let index = 0; index < xs.length; index += 1) {
    const changed = join(front, xs, ys, index);
    if (!changed && index + 1 < xs.length) continue;
    found.evaluations.push(index + 1);
    found.shares.push(hypervolume(front, xs, ys, limit) / limit);
  }
  return found;
}

function of(values: ArrayLike<number>, index: number | undefined): number {
  return (index === undefined ? undefined : values[index]) ?? Number.NaN;
}
