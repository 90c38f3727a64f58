/** Yields one item from each list in turn until all lists are exhausted. */
export function* inTurns<T>(lists: Iterable<Iterable<T>>): Generator<T, void> {
  let open: Iterator<T>[] = [...lists].map((list) => list[Symbol.iterator]());
  while (open.length > 0) {
    const left: Iterator<T>[] = [];
    for (const list of open) {
      const next = list.next();
      if (next.done === true) continue;
      yield next.value;
      left.push(list);
    }
    open = left;
  }
}
