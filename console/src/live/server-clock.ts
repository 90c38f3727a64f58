/**
 * The time of the gateway. Ages are counted by it: the clock of a laptop may be minutes off, and a job would have waited a
 * negative time. The header `date` has whole seconds, so half of one is added; answers with a time of their own say more.
 */
export interface ServerClock {
  /** What an answer says, when it came here. */
  learn(serverMs: number, localMs: number): void;
  offsetMs(): number;
}

const keptOffsets = 5;

export function createServerClock(): ServerClock {
  const offsets: number[] = [];
  return {
    learn(serverMs, localMs) {
      offsets.push(serverMs - localMs);
      if (offsets.length > keptOffsets) offsets.shift();
    },
    offsetMs() {
      const sorted = offsets.toSorted((a, b) => a - b);
      const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
      // Less than the date header can tell is no offset.
      return Math.abs(median) < 1_000 ? 0 : median;
    },
  };
}
