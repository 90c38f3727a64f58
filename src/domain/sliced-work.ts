/**
 * Long work that can be done in slices: a generator, each of whose steps says how many jobs it has looked at, or how many
 * it has cost as much as. That is 1 to 5 µs for each.
 */
export type SlicedWork<T = void> = Generator<number, T>;

/** How much of a list is sorted or merged in a step. */
const runMax = 500;

/** A stable sort. Where the list is in order already, it is as fast as a look. */
export function* sortedInSlices<T>(
  items: readonly T[],
  compare: (one: T, other: T) => number,
): SlicedWork<readonly T[]> {
  let runs: (readonly T[])[] = [];
  for (let at = 0; at < items.length; at += runMax) {
    runs.push(items.slice(at, at + runMax).sort(compare));
    yield runMax;
  }
  while (runs.length > 1) {
    const longer: (readonly T[])[] = [];
    for (let at = 0; at < runs.length; at += 2) longer.push(yield* merged(runs[at] ?? [], runs[at + 1] ?? [], compare));
    runs = longer;
  }
  return runs[0] ?? [];
}

function* merged<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (one: T, other: T) => number,
): SlicedWork<readonly T[]> {
  const [last, first] = [left.at(-1), right[0]];
  if (last === undefined || first === undefined || compare(last, first) <= 0) return [...left, ...right];
  const both: T[] = [];
  let [atLeft, atRight] = [0, 0];
  while (both.length < left.length + right.length) {
    const [one, other] = [left[atLeft], right[atRight]];
    if (one !== undefined && (other === undefined || compare(one, other) <= 0)) {
      both.push(one);
      atLeft += 1;
    } else if (other !== undefined) {
      both.push(other);
      atRight += 1;
    }
    if (both.length % runMax === 0) yield runMax;
  }
  return both;
}
