/** Makes calls with the operator token visible. */
import type { Clock, Logger, Telemetry } from '../application/ports/runtime.ts';
import { counters } from '../domain/measures.ts';

interface WatchParts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Pick<Logger, 'warn'>;
  readonly telemetry: Pick<Telemetry, 'counter'>;
}

const quietMs = 60_000;

/**
 * Counts the calls with the operator token where callers have credentials of their own: there it is for the day on which
 * nothing else works. The log says it once a minute.
 */
export function operatorWatch({ clock, log, telemetry }: WatchParts): () => void {
  const calls = telemetry.counter({
    ...counters.operatorCalls,
    help: 'Calls with the operator token, where others have credentials.',
  });
  let saidAtMs = -Infinity;
  return () => {
    calls.add(1);
    if (clock.monotonicMs() - saidAtMs < quietMs) return;
    saidAtMs = clock.monotonicMs();
    log.warn({ event: 'gateway.operator-token-used' }, 'somebody calls with the operator token');
  };
}
