/** For authors of handlers: runs one in the test's own thread, with the validation and the outcomes of a real run. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Failure } from '../domain/job.ts';
import { NotJsonError, strictJson } from '../domain/strict-json.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';
import type { HandlerContext } from './context.ts';
import type { Handler } from './definition.ts';
import { executeHandler, type Execution, type HandlerPayload } from './execution.ts';
import { cancelled } from './handler-error.ts';

/** How a test runs a handler. */
export interface RunHandlerOptions {
  /** Default: made up. */
  readonly jobId?: string;
  /** Default: 1. */
  readonly attempt?: number;
  /** When the attempt would be ended by force. Default: from the timeout of the handler. */
  readonly deadline?: Date;
  /** Aborting it is what a cancel is in the cluster. */
  readonly signal?: AbortSignal;
  /** W3C trace context of the caller; absent: none. */
  readonly traceparent?: string;
  /** What an earlier attempt is to have saved. */
  readonly lastCheckpoint?: unknown;
}

/** What the handler said while it ran. */
export interface RunHandlerNotes {
  /** What it reported, in order. */
  readonly progress: readonly { readonly fraction: number; readonly note: string | undefined }[];
  /** What it logged, in order. */
  readonly logs: readonly { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string }[];
  /** As the next attempt would get them. */
  readonly checkpoints: readonly unknown[];
}

/** `output` has been through JSON, unless it is bytes: it is what a client would get. */
export type RunHandlerResult<Output> = RunHandlerNotes &
  (
    | { readonly kind: 'succeeded'; readonly output: Output }
    | { readonly kind: 'failed'; readonly failure: Failure; readonly retryable: boolean }
    | { readonly kind: 'snoozed'; readonly delayMs: number }
    | { readonly kind: 'cancelled' }
  );

export async function runHandler<In extends StandardSchemaV1, Out extends StandardSchemaV1>(
  handler: Handler<In, Out>,
  input: StandardSchemaV1.InferInput<In>,
  options: RunHandlerOptions = {},
): Promise<RunHandlerResult<StandardSchemaV1.InferOutput<Out>>> {
  const progress: RunHandlerNotes['progress'][number][] = [];
  const logs: RunHandlerNotes['logs'][number][] = [];
  const checkpoints: unknown[] = [];
  const signal = options.signal ?? new AbortController().signal;
  const log = (level: (typeof logs)[number]['level']) => (text: string) => void logs.push({ level, text });
  const ctx: HandlerContext = {
    jobId: options.jobId ?? '00000000-0000-7000-8000-000000000000',
    attempt: options.attempt ?? 1,
    deadline: options.deadline ?? new Date(Date.now() + (handler.executionTimeoutMs ?? 300_000)),
    signal,
    traceparent: options.traceparent,
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    progress: (fraction, note) => void progress.push({ fraction, note }),
    checkpoint(value) {
      checkpoints.push(decodeCheckpoint(encodeCheckpoint(value).payload));
      return Promise.resolve();
    },
    lastCheckpoint: options.lastCheckpoint,
    heartbeat: () => undefined,
    throwIfCancelled() {
      if (signal.aborted) throw cancelled('the attempt was cancelled');
    },
  };
  const execution = await executeEncoded(handler, input, ctx);
  const notes = { progress, logs, checkpoints };
  switch (execution.kind) {
    case 'succeeded':
      return {
        kind: 'succeeded',
        output: decode(execution.output) as StandardSchemaV1.InferOutput<Out>,
        ...notes,
      };
    case 'failed':
    case 'snoozed':
      return { ...execution, ...notes };
    case 'interrupted':
      return { kind: 'cancelled', ...notes };
  }
}

/** What no client would send is INVALID_INPUT here. */
async function executeEncoded<In extends StandardSchemaV1, Out extends StandardSchemaV1>(
  handler: Handler<In, Out>,
  input: unknown,
  ctx: HandlerContext,
): Promise<Execution> {
  try {
    return await executeHandler(handler, encode(input), ctx);
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    return { kind: 'failed', failure: { reason: 'INVALID_INPUT', message: error.message }, retryable: false };
  }
}

function encode(input: unknown): HandlerPayload {
  return input instanceof Uint8Array
    ? { kind: 'bytes', bytes: input }
    : { kind: 'json', json: strictJson(input, 'input') ?? 'null' };
}

function decode(output: HandlerPayload | undefined): unknown {
  return output?.kind === 'json' ? JSON.parse(output.json) : output?.bytes;
}
