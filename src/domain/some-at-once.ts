/**
 * Calls `work` for each item, in order, with a bounded number of calls in progress. Resolves when all are done. Rejects
 * with the first error, and begins no more calls after it.
 */
export async function someAtOnce<T>(
  items: Iterable<T>,
  mostAtOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let isOver = false;
  const workInTurn = async (): Promise<void> => {
    for (let next = rest.next(); !isOver && next.done !== true; next = rest.next()) {
      try {
        await work(next.value);
      } catch (error) {
        isOver = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, workInTurn));
}
