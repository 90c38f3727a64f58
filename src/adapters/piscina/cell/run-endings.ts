/** The outcomes that a cell itself gives a run, with the messages that its job shows. */
import type { RunOutcome } from '../../../application/ports/run-pool.ts';
import { describeThrown } from '../../../handlers/execution.ts';
import type { HandlerOutcome } from '../../../handlers/handler-outcome.ts';
import { failed } from '../protocol/run-failure.ts';
import type { HandlerLimits } from './handler-limits.ts';

/** The outcome of a handler that ended although nobody had asked it to stop. */
export function unaskedOutcome(outcome: HandlerOutcome): RunOutcome {
  if (outcome.kind !== 'stopped') return outcome;
  return failed('HANDLER_FAILED', 'the handler threw the error of a stop, but no stop was requested', true);
}

export function timedOut(executionTimeoutMs: number): RunOutcome {
  return failed('ATTEMPT_TIMED_OUT', `the attempt ran longer than ${executionTimeoutMs} ms`, true);
}

export function heartbeatLost(heartbeatTimeoutMs: number): RunOutcome {
  return failed('HEARTBEAT_LOST', `the attempt gave no sign of life for ${heartbeatTimeoutMs} ms`, true);
}

/** The outcome of a run whose thread died with this error. */
export function threadDied(handler: string, memoryMb: number, error: unknown, limits: HandlerLimits): RunOutcome {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return outOfHeap(handler, memoryMb, limits.nextMemoryMb(handler, memoryMb));
  return failed('THREAD_CRASHED', `an error outside of the handler's own promise: ${describeThrown(error)}`, true);
}

function outOfHeap(handler: string, memoryMb: number, nextMemoryMb: number | undefined): RunOutcome {
  const used = `the handler "${handler}" used more memory than its thread has (${memoryMb} MiB)`;
  if (nextMemoryMb === undefined) return failed('OUT_OF_MEMORY', used, true);
  const message = `${used}; it runs again with ${nextMemoryMb} MiB`;
  return { kind: 'failed', failure: { reason: 'OUT_OF_MEMORY', message }, retryable: true, nextMemoryMb };
}

/** The outcome of the run that held most memory when its process reached the bound. */
export function processFull(handler: string, rssMaxBytes: number): RunOutcome {
  const limitMb = Math.floor(rssMaxBytes / 2 ** 20);
  const message = `the process of the handler "${handler}" reached its ${limitMb} MiB, and this run held most of it`;
  return failed('OUT_OF_MEMORY', message, true);
}
