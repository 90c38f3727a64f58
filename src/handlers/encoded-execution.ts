/**
 * Runs a handler with a codec. Its input and its last checkpoint are decoded before it begins; its output, checkpoints and the
 * texts of its failure are encoded before they leave the thread. What could pass the codec by is not there: the handler gets
 * and gives whole values, and no streams.
 */
import type { RunPayload } from '../domain/attempt-outcome.ts';
import { clipped } from '../domain/clipped-text.ts';
import { encodeFailure } from '../domain/encoded-failure.ts';
import { failureMaxChars } from '../domain/job.ts';
import {
  CodecError,
  type CodecContext,
  type CodecField,
  decodeValue,
  encodeValue,
  type PayloadCodec,
} from '../domain/payload-codec.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';
import type { HandlerContext } from './context.ts';
import type { HandlerOutcome } from './handler-outcome.ts';
import { reject } from './handler-error.ts';
import { isByteStream } from './payload-streams.ts';

export class EncodedRun {
  readonly #codec: PayloadCodec;
  readonly #handler: string;
  readonly #jobId: string;

  constructor(codec: PayloadCodec, handler: string, jobId: string) {
    this.#codec = codec;
    this.#handler = handler;
    this.#jobId = jobId;
  }

  /** `run` is given the input and a context that are plain. */
  async run(
    given: RunPayload,
    ctx: HandlerContext,
    run: (input: RunPayload, ctx: HandlerContext) => Promise<HandlerOutcome>,
  ): Promise<HandlerOutcome> {
    try {
      const input = await decodeValue(this.#codec, this.#about('input'), given);
      const last = await this.#lastCheckpoint(ctx);
      const outcome = await run(input, this.#contextOf(ctx, input, last));
      return await this.#encoded(outcome);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return this.#failed(error);
    }
  }

  #about(field: CodecField): CodecContext {
    return { field, handler: this.#handler, jobId: field === 'input' ? undefined : this.#jobId };
  }

  async #lastCheckpoint(ctx: HandlerContext): Promise<unknown> {
    const value = wholeCheckpoint(ctx);
    if (value === undefined) return undefined;
    const stored: RunPayload =
      value instanceof Uint8Array ? { kind: 'bytes', bytes: value } : { kind: 'json', json: JSON.stringify(value) };
    return decodeCheckpoint(await decodeValue(this.#codec, this.#about('checkpoint'), stored));
  }

  #contextOf(ctx: HandlerContext, input: RunPayload, lastCheckpoint: unknown): HandlerContext {
    const bytes = input.kind === 'json' ? Buffer.byteLength(input.json) : input.bytes.byteLength;
    const saving = new EncodedCheckpoints(
      (payload) => encodeValue(this.#codec, this.#about('checkpoint'), payload),
      (encoded) => ctx.checkpoint(encoded),
    );
    return {
      jobId: ctx.jobId,
      attempt: ctx.attempt,
      deadline: ctx.deadline,
      traceparent: ctx.traceparent,
      get signal() {
        return ctx.signal;
      },
      input: { bytes, stream: () => noStreams('ctx.input'), file: () => Promise.reject(streamError('ctx.input')) },
      output: { stream: () => noStreams('ctx.output') },
      log: ctx.log,
      progress: (fraction, note) => ctx.progress(fraction, note),
      checkpoint(value) {
        if (isByteStream(value)) return noStreams('ctx.checkpoint');
        ctx.heartbeat();
        return saving.save(encodeCheckpoint(value).payload);
      },
      lastCheckpoint,
      lastCheckpointInput: undefined,
      secret: (name) => ctx.secret(name),
      heartbeat: () => ctx.heartbeat(),
      throwIfCancelled: () => ctx.throwIfCancelled(),
    };
  }

  async #encoded(outcome: HandlerOutcome): Promise<HandlerOutcome> {
    switch (outcome.kind) {
      case 'succeeded': {
        if (outcome.output === undefined || outcome.output.kind === 'streamed') return outcome;
        const bytes = await encodeValue(this.#codec, this.#about('output'), outcome.output);
        return { kind: 'succeeded', output: { kind: 'bytes', bytes } };
      }
      case 'failed': {
        const failure = await encodeFailure(this.#codec, this.#about('failure'), outcome.failure);
        return { ...outcome, failure };
      }
      case 'snoozed':
      case 'stopped':
        return outcome;
    }
  }

  /** The codec may have a key service of its own, which may be back. Its own text may have anything in it, and is left out. */
  #failed(error: CodecError): HandlerOutcome {
    const message = clipped(`${error.message} (job ${this.#jobId})`, failureMaxChars.message);
    const told = error.cause as { readonly retryable?: unknown } | null | undefined;
    const retryable = error.cause !== undefined && told?.retryable !== false;
    return { kind: 'failed', failure: { reason: 'HANDLER_FAILED', code: 'CODEC_FAILED', message }, retryable };
  }
}

interface Waiting {
  payload: RunPayload;
  readonly saved: Promise<void>;
}

/** One checkpoint is encoded at a time. Of those that come meanwhile the newest is next, as of those that are saved. */
class EncodedCheckpoints {
  readonly #encode: (payload: RunPayload) => Promise<Uint8Array>;
  readonly #save: (encoded: Uint8Array) => Promise<void>;
  #waiting: Waiting | undefined;
  /** Of the one before. Never rejects. */
  #handed: Promise<unknown> = Promise.resolve();

  constructor(encode: (payload: RunPayload) => Promise<Uint8Array>, save: (encoded: Uint8Array) => Promise<void>) {
    this.#encode = encode;
    this.#save = save;
  }

  save(payload: RunPayload): Promise<void> {
    if (this.#waiting !== undefined) {
      this.#waiting.payload = payload;
      return this.#waiting.saved;
    }
    const handed = this.#handed.then(async () => {
      const newest = this.#waiting?.payload ?? payload;
      this.#waiting = undefined;
      const encoded = await this.#encode(newest);
      return { done: this.#save(encoded) };
    });
    this.#handed = handed.catch(() => undefined);
    const waiting = { payload, saved: handed.then(({ done }) => done) };
    // Who does not await it is told by the next attempt, which begins at an earlier one.
    waiting.saved.catch(() => undefined);
    this.#waiting = waiting;
    return waiting.saved;
  }
}

/** One that is larger was a stream, of a version of the handler without a codec. */
function wholeCheckpoint(ctx: HandlerContext): unknown {
  try {
    return ctx.lastCheckpoint;
  } catch {
    throw new CodecError('checkpoint', 'it was saved as a stream, and a codec takes whole values');
  }
}

function noStreams(what: string): never {
  throw streamError(what);
}

function streamError(what: string): Error {
  return reject(`${what}: a handler with a codec has no streams, which would pass the codec by: use whole values`, {
    code: 'CODEC_FAILED',
  });
}
