/**
 * How much one operation holds in memory at a time. Whoever does not fit waits in line. What alone is more than the bound
 * goes alone.
 */
export interface LoadingRoom {
  /** Runs the work when there is room for so many bytes. */
  within<T>(bytes: number, work: () => Promise<T>): Promise<T>;
}

export function createLoadingRoom(maxBytes: number): LoadingRoom {
  const line: { readonly bytes: number; readonly go: () => void }[] = [];
  let held = 0;

  const fits = (bytes: number): boolean => held === 0 || held + bytes <= maxBytes;

  function next(): void {
    for (let first = line[0]; first !== undefined && fits(first.bytes); first = line[0]) {
      line.shift();
      held += first.bytes;
      first.go();
    }
  }

  return {
    async within(bytes, work) {
      if (bytes === 0) return work();
      await new Promise<void>((go) => {
        line.push({ bytes, go });
        next();
      });
      try {
        return await work();
      } finally {
        held -= bytes;
        next();
      }
    },
  };
}
