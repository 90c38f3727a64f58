/**
 * A work source that hands out nothing of a queue in quarantine: a pull of such a queue waits as one of an empty queue does,
 * and one that waits already is broken off when the quarantine comes. What it got at that very moment goes back.
 */
import type { WorkDelivery, WorkSource } from '../ports/bus.ts';
import { holdsBack, type QueueQuarantines } from '../ports/queue-quarantines.ts';
import type { Clock } from '../ports/runtime.ts';

export interface GateParts {
  readonly source: WorkSource;
  readonly quarantines: Pick<QueueQuarantines, 'of' | 'onChange'>;
  /** Marks of other nodes do not hold this one back. */
  readonly nodeId: string;
  readonly clock: Clock;
}

type Pull = Parameters<WorkSource['pull']>[0];

export function createGatedWorkSource(parts: GateParts): WorkSource {
  const { source, quarantines, nodeId } = parts;

  function isHeld({ strand }: Pull): boolean {
    return quarantines.of(strand.tenant, strand.queue).some((mark) => holdsBack(mark, nodeId));
  }

  async function pull(input: Pull): Promise<readonly WorkDelivery[]> {
    if (isHeld(input)) {
      await resumed(parts, input, () => !isHeld(input));
      return [];
    }
    const pulling = new AbortController();
    const stop = (): void => {
      pulling.abort();
    };
    const stopListening = quarantines.onChange(() => {
      if (isHeld(input)) stop();
    });
    // Not `AbortSignal.any`: the runtime holds a signal of that kind, and the whole pull with it, while anybody listens to it.
    input.signal.addEventListener('abort', stop);
    if (input.signal.aborted) stop();
    try {
      const deliveries = await source.pull({ ...input, signal: pulling.signal });
      if (!isHeld(input)) return deliveries;
      for (const { ackTo } of deliveries) source.giveBack(ackTo);
      return [];
    } finally {
      stopListening();
      input.signal.removeEventListener('abort', stop);
    }
  }

  return {
    pull,
    giveBack: (ackTo, delayMs) => {
      source.giveBack(ackTo, delayMs);
    },
    ensureStrand: (strand) => source.ensureStrand(strand),
    removeStrand: (strand) => source.removeStrand(strand),
    strands: () => source.strands(),
  };
}

/** As long as the pull may wait, or until the quarantine is over. */
function resumed(parts: GateParts, { expiresMs, signal }: Pull, isOver: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancelTimer();
      stopListening();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancelTimer = parts.clock.setTimer(expiresMs, end);
    const stopListening = parts.quarantines.onChange(() => {
      if (isOver()) end();
    });
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
