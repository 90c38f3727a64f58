/**
 * The streams of one run on the side of the node: answers the questions of its thread, one piece at a time. A piece waits
 * nowhere else, so at most `asksOpenMax` of them are in this process, whatever the size of the payload.
 */
import { createHash } from 'node:crypto';
import { payloadPartBytes, type PayloadParts } from '../../../application/ports/payload-store.ts';
import type { HandlerSecrets } from '../../../application/ports/handler-secrets.ts';
import type { RunRequest, RunStreams, StreamSource, StreamTarget } from '../../../application/ports/run-pool.ts';
import { clipped } from '../../../domain/clipped-text.ts';
import { TroupeError } from '../../../domain/errors.ts';
import { failureMaxChars } from '../../../domain/job.ts';
import type { SecretMask } from '../../../domain/secret-mask.ts';
import { asksOpenMax, type StreamAnswer, type StreamAsk } from '../protocol/stream-messages.ts';
import type { ScratchCell, ScratchSpace } from './scratch-folder.ts';

interface PumpParts {
  readonly request: RunRequest;
  readonly streams: RunStreams | undefined;
  readonly scratch: ScratchSpace;
  readonly outputMaxBytes: number;
  /** Undefined: this node gives none. */
  readonly secrets: HandlerSecrets | undefined;
  readonly mask: SecretMask;
}

export class RunPump {
  readonly #parts: PumpParts;
  /** An output has one writer, and each checkpoint one of its own. */
  readonly #writers = new Map<StreamTarget, Writer>();
  #open = 0;
  #closed = false;

  constructor(parts: PumpParts) {
    this.#parts = parts;
  }

  /** Does not reject. `cell` is where the run asks from. */
  async answer(ask: StreamAsk, cell?: ScratchCell): Promise<StreamAnswer> {
    this.#open += 1;
    try {
      if (this.#open > asksOpenMax || this.#closed) throw new TroupeError('OVERLOADED');
      return await this.#answer(ask, cell);
    } catch (error) {
      return refusal(ask, error);
    } finally {
      this.#open -= 1;
    }
  }

  /** The code of the run is gone. What it has not written to the end comes to nothing; its scratch files are removed. */
  close(): void {
    this.#closed = true;
    for (const [to, { parts }] of this.#writers) {
      parts.fail(new TroupeError('CALL_CANCELLED', { message: `the attempt ended before its ${to} was complete` }));
    }
    this.#parts.scratch.release(this.#parts.request.runId);
  }

  async #answer(ask: StreamAsk, cell: ScratchCell | undefined): Promise<StreamAnswer> {
    const { request, streams, scratch } = this.#parts;
    switch (ask.kind) {
      case 'read':
        return { kind: 'piece', bytes: await required(streams).read(ask.of, ask.offset) };
      case 'write':
        await this.#writer(ask.to).parts.push(ask.bytes);
        return { kind: 'done' };
      case 'finish': {
        const { parts, written } = this.#writer(ask.to);
        parts.finish(ask);
        await written;
        if (ask.to === 'checkpoint') this.#writers.delete(ask.to);
        return { kind: 'done' };
      }
      case 'abandon':
        this.#writers.get(ask.to)?.parts.fail(new TroupeError('CALL_CANCELLED', { message: 'it was given up' }));
        if (ask.to === 'checkpoint') this.#writers.delete(ask.to);
        return { kind: 'done' };
      case 'place':
        return { kind: 'path', path: await scratch.reserve(request.runId, ask.of, bytesIn(request, ask.of), cell) };
      case 'secret':
        return { kind: 'secret', value: await this.#secret(ask.name) };
    }
  }

  /** It is masked before it leaves this process, so that no text of the run can come sooner. */
  async #secret(name: string): Promise<string> {
    const { request, secrets, mask } = this.#parts;
    const value = await secrets?.find(request, name);
    if (value === undefined) throw notGiven(request.handler, name);
    if (mask.add(name, value)) return value;
    throw new TroupeError('OVERLOADED', { message: 'the attempt has read too many secrets' });
  }

  #writer(to: StreamTarget): Writer {
    const present = this.#writers.get(to);
    if (present !== undefined) return present;
    const parts = new WrittenParts(to, this.#parts.outputMaxBytes);
    const written = required(this.#parts.streams).write(to, parts);
    written.catch((error: unknown) => parts.fail(error instanceof Error ? error : TroupeError.from(error)));
    const writer = { parts, written };
    this.#writers.set(to, writer);
    return writer;
  }
}

interface Writer {
  readonly parts: WrittenParts;
  readonly written: Promise<void>;
}

/** What a thread writes, as the parts that a payload store reads. */
class WrittenParts implements PayloadParts {
  readonly #of: StreamTarget;
  readonly #maxBytes: number;
  readonly #digest = createHash('sha256');
  #bytes = 0;
  #isLast = false;
  /** The piece that the store has not taken yet, and who waits for that. */
  #piece: { readonly bytes: Uint8Array; readonly taken: PromiseWithResolvers<void> } | undefined;
  #end: { readonly sha256: Uint8Array } | { readonly error: Error } | undefined;
  #next: PromiseWithResolvers<IteratorResult<Uint8Array, Uint8Array>> | undefined;

  constructor(of: StreamTarget, maxBytes: number) {
    this.#of = of;
    this.#maxBytes = maxBytes;
  }

  next(): Promise<IteratorResult<Uint8Array, Uint8Array>> {
    this.#next ??= Promise.withResolvers();
    const { promise } = this.#next;
    this.#hand();
    return promise;
  }

  /** Resolves when the store has taken it. */
  push(bytes: Uint8Array): Promise<void> {
    if (this.#end !== undefined && 'error' in this.#end) throw this.#end.error;
    const isOutOfTurn = this.#end !== undefined || this.#piece !== undefined || this.#isLast || bytes.byteLength === 0;
    if (isOutOfTurn)
      throw this.fail(new TroupeError('INTERNAL_ERROR', { message: `a piece of the ${this.#of} came out of turn` }));
    this.#bytes += bytes.byteLength;
    if (this.#bytes > this.#maxBytes) throw this.fail(tooLarge(this.#of, this.#maxBytes));
    this.#isLast = bytes.byteLength < payloadPartBytes;
    this.#digest.update(bytes);
    this.#piece = { bytes, taken: Promise.withResolvers() };
    const taken = this.#piece.taken.promise;
    taken.catch(() => undefined);
    this.#hand();
    return taken;
  }

  /** What the thread says of the whole must be what came. */
  finish({ bytes, sha256 }: { readonly bytes: number; readonly sha256: Uint8Array }): void {
    const isSame = this.#piece === undefined && bytes === this.#bytes && this.#digest.digest().equals(sha256);
    if (!isSame) throw this.fail(new TroupeError('INTERNAL_ERROR', { message: `not all of the ${this.#of} came` }));
    this.#end ??= { sha256 };
    this.#hand();
  }

  /** Whoever waits for the store to take a piece is told, and so is the store. */
  fail<E extends Error>(error: E): E {
    this.#end ??= { error };
    this.#piece?.taken.reject(error);
    this.#hand();
    return error;
  }

  #hand(): void {
    const next = this.#next;
    if (next === undefined) return;
    if (this.#end !== undefined && 'error' in this.#end) {
      next.reject(this.#end.error);
    } else if (this.#piece !== undefined) {
      next.resolve({ done: false, value: this.#piece.bytes });
      this.#piece.taken.resolve();
      this.#piece = undefined;
    } else if (this.#end !== undefined) {
      next.resolve({ done: true, value: this.#end.sha256 });
    } else {
      return;
    }
    this.#next = undefined;
  }
}

/** The same for one that does not exist and for one that others may read. */
function notGiven(handler: string, name: string): TroupeError {
  const message = `the handler ${handler} gets no secret "${clipped(name, 100)}" here: see workers.secrets`;
  return new TroupeError('PERMISSION_MISSING', { message });
}

function required(streams: RunStreams | undefined): RunStreams {
  if (streams === undefined) throw new TroupeError('INTERNAL_ERROR', { message: 'this run has no streams' });
  return streams;
}

function bytesIn({ input, checkpoint }: RunRequest, of: StreamSource): number {
  const payload = of === 'input' ? input : checkpoint;
  if (payload === undefined) return 0;
  if (payload.kind === 'json') return Buffer.byteLength(payload.json);
  return payload.kind === 'bytes' ? payload.bytes.byteLength : payload.bytes;
}

function tooLarge(of: StreamTarget, maxBytes: number): TroupeError {
  const message = `the ${of} has more than the ${maxBytes} bytes that are allowed (objects.payloadMaxBytes)`;
  return new TroupeError('PAYLOAD_TOO_LARGE', { message });
}

/** A payload that is gone, damaged or too large is so for every attempt, and so is a thread that breaks the rules. */
const lastingCodes: ReadonlySet<string> = new Set(['PAYLOAD_GONE', 'PAYLOAD_TOO_LARGE', 'INTERNAL_ERROR']);

function refusal(ask: StreamAsk, error: unknown): StreamAnswer {
  const { code, message } = TroupeError.from(error);
  // What nobody foresaw, and what this node has no room for, says nothing of the job.
  const lasting = error instanceof TroupeError && ask.kind !== 'place' && lastingCodes.has(code);
  const told = ask.kind === 'read' && lasting ? `the ${ask.of} cannot be read: ${message}` : message;
  return { kind: 'refused', code, message: clipped(told, failureMaxChars.message), lasting };
}
