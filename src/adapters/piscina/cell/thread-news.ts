/**
 * Checks what a cell receives from a thread. The handler in it has the same ports and can post messages by itself. So
 * we build each message anew from the fields that are known, if each has its type and is within its bound. A message of
 * another shape would otherwise end the cell, with all its runs, when the message is written to the node or read there.
 */
import type { RunOutput, RunPayload } from '../../../domain/attempt-outcome.ts';
import { checkpointMaxBytes } from '../../../domain/job.ts';
import { type LogLevel, logLevels } from '../../../domain/job-log.ts';
import type { HandlerOutcome } from '../../../handlers/handler-outcome.ts';
import { failureShape } from '../protocol/cell-frame-shape.ts';
import { boundedOutput, outputBytes } from '../protocol/output-bound.ts';
import {
  noteMaxChars,
  type ThreadFate,
  threadFates,
  type ThreadNote,
  type ThreadResult,
} from '../protocol/thread-messages.ts';

const levels: ReadonlySet<unknown> = new Set<LogLevel>(logLevels);
const fates: ReadonlySet<unknown> = new Set<ThreadFate>(threadFates);

type Told = Readonly<Record<string, unknown>>;

/** Undefined if the message is not a note. */
export function noteFrom(message: unknown): ThreadNote | undefined {
  if (!isObject(message)) return undefined;
  const { kind, text, level, number, payload } = message;
  if (kind === 'checkpoint') {
    const saved = outputFrom(payload);
    const fits = isAmount(number) && number >= 1 && saved !== undefined && outputBytes(saved) <= checkpointMaxBytes;
    return fits ? { kind, number, payload: saved } : undefined;
  }
  if (typeof text !== 'string' || text.length > noteMaxChars) return undefined;
  if (kind === 'note') return { kind, text };
  return kind === 'log' && isLevel(level) ? { kind, level, text } : undefined;
}

/** Undefined if the message is not a result. */
export function resultFrom(message: unknown, outputMaxBytes: number): ThreadResult | undefined {
  if (!isObject(message)) return undefined;
  const { durationMs, notes, thread } = message;
  const outcome = outcomeFrom(message['outcome']);
  if (outcome === undefined || !isFate(thread) || !isAmount(notes)) return undefined;
  if (typeof durationMs !== 'number' || !(durationMs >= 0)) return undefined;
  return { outcome: boundedOutput(outcome, outputMaxBytes), durationMs, notes, thread };
}

function outcomeFrom(told: unknown): HandlerOutcome | undefined {
  if (!isObject(told)) return undefined;
  const { kind, output, failure, retryable, delayMs } = told;
  switch (kind) {
    case 'succeeded': {
      if (output === undefined) return { kind };
      const returned = outputFrom(output);
      return returned && { kind, output: returned };
    }
    case 'failed': {
      const { data } = failureShape.safeParse(failure);
      return data && typeof retryable === 'boolean' ? { kind, failure: data, retryable } : undefined;
    }
    case 'snoozed':
      return typeof delayMs === 'number' && delayMs >= 0 ? { kind, delayMs: Math.round(delayMs) } : undefined;
    case 'stopped':
      return { kind };
    default:
      return undefined;
  }
}

function outputFrom(told: unknown): RunOutput | undefined {
  if (!isObject(told) || told['kind'] !== 'streamed') return payloadFrom(told);
  const { bytes } = told;
  return isAmount(bytes) ? { kind: 'streamed', bytes } : undefined;
}

function payloadFrom(told: unknown): RunPayload | undefined {
  if (!isObject(told)) return undefined;
  const { kind, json, bytes } = told;
  if (kind === 'json') return typeof json === 'string' ? { kind, json } : undefined;
  return kind === 'bytes' && bytes instanceof Uint8Array ? { kind, bytes } : undefined;
}

function isObject(value: unknown): value is Told {
  return typeof value === 'object' && value !== null;
}
function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
function isLevel(value: unknown): value is LogLevel {
  return levels.has(value);
}
function isFate(value: unknown): value is ThreadFate {
  return fates.has(value);
}
