/**
 * For handler authors: runs a handler in the thread of the test, with the validation and the outcomes of the cluster.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { RunOutput, RunPayload } from '../domain/attempt-outcome.ts';
import type { Failure } from '../domain/job.ts';
import { ownValue } from '../domain/own-value.ts';
import { NotJsonError, strictJson } from '../domain/strict-json.ts';
import { decodeCheckpoint, encodeCheckpoint, stillSaved } from './checkpoint.ts';
import type { HandlerContext } from './context.ts';
import type { Handler } from './definition.ts';
import { executeHandler } from './execution.ts';
import type { HandlerOutcome } from './handler-outcome.ts';
import { cancelled, fail } from './handler-error.ts';
import { isByteStream, memorySource, type OutputSink, PayloadStreams } from './payload-streams.ts';

/** How a test runs a handler. */
export interface RunHandlerOptions {
  /** Default: a constant id. */
  readonly jobId?: string;
  /** Default: 1. */
  readonly attempt?: number;
  /**
   * When the attempt would be terminated. Default: after the handler's `executionTimeout`, or 5 minutes if it has none.
   * It is only passed to the handler; `runHandler` does not enforce it.
   */
  readonly deadline?: Date;
  /** Aborting it has the effect of a cancel request in the cluster. Default: never aborted. */
  readonly signal?: AbortSignal;
  /** The W3C trace context of the submitter. Default: none. */
  readonly traceparent?: string;
  /** The last checkpoint of an earlier attempt. Default: none. */
  readonly lastCheckpoint?: unknown;
  /** What `ctx.secret` returns, by name. Default: none. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** What the handler reported while it ran. */
export interface RunHandlerNotes {
  /** Calls of `ctx.progress`, in order. */
  readonly progress: readonly { readonly fraction: number; readonly note: string | undefined }[];
  /** Logged lines, in order. */
  readonly logs: readonly { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string }[];
  /** Saved checkpoints as the next attempt would receive them, in order. */
  readonly checkpoints: readonly unknown[];
}

/**
 * How the attempt ended. `output` has been converted to JSON and back, unless it is bytes, so it is what a client would
 * receive.
 */
export type RunHandlerResult<Output> = RunHandlerNotes &
  (
    | { readonly kind: 'succeeded'; readonly output: Output }
    | { readonly kind: 'failed'; readonly failure: Failure; readonly retryable: boolean }
    | { readonly kind: 'snoozed'; readonly delayMs: number }
    | { readonly kind: 'cancelled' }
  );

/** Runs a handler once on an input, without its codec. Never rejects because of the handler: failures are results. */
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
  const { lastCheckpoint } = options;
  const place = new TestPlace(input, lastCheckpoint === undefined ? undefined : encode(lastCheckpoint));
  const { streams } = place;
  const ctx: HandlerContext = {
    get input() {
      return streams.input;
    },
    output: streams.output,
    jobId: options.jobId ?? '00000000-0000-7000-8000-000000000000',
    attempt: options.attempt ?? 1,
    deadline: options.deadline ?? new Date(Date.now() + (handler.executionTimeoutMs ?? 300_000)),
    signal,
    traceparent: options.traceparent,
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    progress: (fraction, note) => void progress.push({ fraction, note }),
    checkpoint(value) {
      if (isByteStream(value)) return place.save(value).then((bytes) => void checkpoints.push(bytes));
      checkpoints.push(decodeCheckpoint(encodeCheckpoint(value).payload));
      return Promise.resolve();
    },
    lastCheckpoint,
    get lastCheckpointInput() {
      return streams.checkpoint;
    },
    secret: (name) => secretOf(options.secrets ?? {}, handler.name, name),
    heartbeat: () => undefined,
    throwIfCancelled() {
      if (signal.aborted) throw cancelled('the attempt was cancelled');
    },
  };
  const outcome = await executeEncoded(handler, input, ctx, streams).finally(() => place.removed());
  const notes = { progress, logs, checkpoints };
  switch (outcome.kind) {
    case 'succeeded':
      return {
        kind: 'succeeded',
        output: place.decode(outcome.output) as StandardSchemaV1.InferOutput<Out>,
        ...notes,
      };
    case 'failed':
    case 'snoozed':
      return { ...outcome, ...notes };
    case 'stopped':
      return { kind: 'cancelled', ...notes };
  }
}

/** Rejects like a node that has none for this handler. */
async function secretOf(secrets: Readonly<Record<string, string>>, handler: string, name: string): Promise<string> {
  const value = ownValue(secrets, name);
  if (value !== undefined) return value;
  throw fail(`the handler ${handler} gets no secret "${name}" here: see the option secrets`, {
    code: 'PERMISSION_MISSING',
  });
}

/** An input that JSON cannot express is reported as INVALID_INPUT. */
async function executeEncoded<In extends StandardSchemaV1, Out extends StandardSchemaV1>(
  handler: Handler<In, Out>,
  input: unknown,
  ctx: HandlerContext,
  streams: PayloadStreams,
): Promise<HandlerOutcome> {
  try {
    return await executeHandler({ ...handler, codec: undefined }, encode(input), ctx, {
      streams,
      wholeMaxBytes: Infinity,
    });
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    return { kind: 'failed', failure: { reason: 'INVALID_INPUT', message: error.message }, retryable: false };
  }
}

function encode(input: unknown): RunPayload {
  return input instanceof Uint8Array
    ? { kind: 'bytes', bytes: input }
    : { kind: 'json', json: strictJson(input, 'input') ?? 'null' };
}

function bytesOf(payload: RunPayload): Uint8Array {
  return payload.kind === 'json' ? Buffer.from(payload.json) : payload.bytes;
}

/** Where the streams of a handler lead in a test: from and to memory. Its file lies in a temporary folder. */
class TestPlace {
  readonly streams: PayloadStreams;
  readonly #written: Uint8Array[] = [];
  readonly #saved: Uint8Array[] = [];
  #saving = false;
  #folder: Promise<string> | undefined;

  constructor(input: unknown, saved: RunPayload | undefined) {
    const place = (name: string) => async (): Promise<string> => {
      this.#folder ??= mkdtemp(join(tmpdir(), 'troupe-handler-'));
      return join(await this.#folder, name);
    };
    const sink = (pieces: Uint8Array[]): OutputSink => ({
      write: async (piece) => void pieces.push(piece),
      finish: () => Promise.resolve(),
      abandon: () => Promise.resolve(),
    });
    this.streams = new PayloadStreams({
      input: () => memorySource('input', bytesOf(encode(input)), place('input')),
      checkpoint: () => saved && memorySource('checkpoint', bytesOf(saved), place('checkpoint')),
      output: sink(this.#written),
      saved: sink(this.#saved),
    });
  }

  /** One at a time, as in the cluster. */
  save(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
    if (this.#saving) throw stillSaved();
    this.#saving = true;
    return this.#save(bytes).finally(() => (this.#saving = false));
  }

  async #save(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
    this.#saved.length = 0;
    await this.streams.save(bytes);
    return new Uint8Array(Buffer.concat(this.#saved));
  }

  decode(output: RunOutput | undefined): unknown {
    if (output?.kind === 'streamed') return new Uint8Array(Buffer.concat(this.#written));
    return output?.kind === 'json' ? JSON.parse(output.json) : output?.bytes;
  }

  async removed(): Promise<void> {
    if (this.#folder !== undefined) await rm(await this.#folder, { recursive: true, force: true });
  }
}
