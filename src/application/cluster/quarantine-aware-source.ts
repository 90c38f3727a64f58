/**
 * A work source that delivers nothing of a queue in quarantine. A pull of such a queue waits like a pull of an empty
 * queue. A pull that is already waiting is aborted when the quarantine begins. Messages that it received at that very
 * moment are released.
 */
import type { WorkDelivery, WorkSource } from '../ports/bus.ts';
import { holdsBack, type QueueQuarantines } from '../ports/queue-quarantines.ts';
import type { Clock } from '../ports/runtime.ts';

export interface SourceParts {
  readonly source: WorkSource;
  readonly quarantines: Pick<QueueQuarantines, 'of' | 'onChange'>;
  /** Quarantines of other nodes do not affect this node. */
  readonly nodeId: string;
  readonly clock: Clock;
}

type Pull = Parameters<WorkSource['pull']>[0];

export function createQuarantineAwareSource(parts: SourceParts): WorkSource {
  const { source, quarantines, nodeId } = parts;

  function isHeld({ route }: Pull): boolean {
    return quarantines.of(route.tenant, route.queue).some((mark) => holdsBack(mark, nodeId));
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
    // Not `AbortSignal.any`: the runtime retains such a signal, and with it the whole pull, while anybody listens to
    // it.
    input.signal.addEventListener('abort', stop);
    if (input.signal.aborted) stop();
    try {
      const deliveries = await source.pull({ ...input, signal: pulling.signal });
      if (!isHeld(input)) return deliveries;
      for (const { ackTo } of deliveries) source.release(ackTo);
      return [];
    } finally {
      stopListening();
      input.signal.removeEventListener('abort', stop);
    }
  }

  return {
    pull,
    release: (ackTo, delayMs) => {
      source.release(ackTo, delayMs);
    },
    ensureRoute: (route) => source.ensureRoute(route),
    removeRoute: (route) => source.removeRoute(route),
    routes: () => source.routes(),
  };
}

/** Resolves when the quarantine is over, when the pull expires, or when it is aborted. */
function resumed(parts: SourceParts, { expiresMs, signal }: Pull, isOver: () => boolean): Promise<void> {
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
