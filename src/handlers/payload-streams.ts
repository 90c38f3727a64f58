/**
 * `ctx.input` and `ctx.output`: payloads as streams of Node and as files. Pieces come from and go to whoever runs the
 * handler, one at a time, so the payload is never in memory as a whole. What the handler reads is checked against the
 * SHA-256 of the input before the stream ends.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FailureReason } from '../domain/job.ts';
import type { HandlerInput, HandlerOutput } from './context.ts';
import { fail, HandlerError } from './handler-error.ts';

/** Bytes of a piece. Of an output, all but the last have exactly as many. */
const pieceBytes = 1 << 20;

export interface InputSource {
  readonly name: 'input' | 'checkpoint';
  readonly bytes: number;
  /** Undefined if the bytes come from memory. */
  readonly sha256?: Uint8Array | undefined;
  /** The piece that begins there, of at least one byte. */
  readonly read: (offset: number) => Promise<Uint8Array>;
  /** A path for the input that nothing uses yet. Whoever runs the handler removes the file after the attempt. */
  readonly place: () => Promise<string>;
}

/** Where the streams of an attempt come from and lead to. */
export interface StreamEnds {
  /** Asked when the handler first looks at the input in this way. */
  readonly input: () => InputSource;
  /** The same for the last checkpoint. Undefined if there is none. */
  readonly checkpoint: () => InputSource | undefined;
  readonly output: OutputSink;
  readonly saved: OutputSink;
}

export interface OutputSink {
  /** The buffer belongs to the sink from then on. Resolves when the next piece may come. */
  readonly write: (piece: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** Resolves when the output is durable. */
  readonly finish: (whole: { readonly bytes: number; readonly sha256: Uint8Array }) => Promise<void>;
  /** What came so far is nothing. */
  readonly abandon: () => Promise<void>;
}

/** An error of a stream that is the same for every attempt. It says how the attempt ends, whatever its handler makes of it. */
export class LastingStreamError extends HandlerError {
  readonly reason: FailureReason;

  constructor(reason: 'INVALID_INPUT' | 'INVALID_OUTPUT', message: string) {
    super('reject', message, { code: reason });
    this.reason = reason;
  }
}

type OutputState = 'unused' | 'open' | 'failed' | 'finished';

/** The streams of one attempt. */
export class PayloadStreams {
  readonly output: HandlerOutput;
  readonly #ends: StreamEnds;
  #input: HandlerInput | undefined;
  #checkpoint: { readonly input: HandlerInput | undefined } | undefined;
  readonly #open = new Set<Readable | Writable>();
  #lasting: LastingStreamError | undefined;
  #outputState: OutputState = 'unused';
  outputBytes = 0;
  /** Why the output failed. */
  outputError: unknown;

  constructor(ends: StreamEnds) {
    this.#ends = ends;
    this.output = { stream: () => this.#kept(this.#openOutput(ends.output)) };
  }

  get input(): HandlerInput {
    this.#input ??= this.#inputOf(this.#ends.input());
    return this.#input;
  }
  get checkpoint(): HandlerInput | undefined {
    if (this.#checkpoint === undefined) {
      const source = this.#ends.checkpoint();
      this.#checkpoint = { input: source && this.#inputOf(source) };
    }
    return this.#checkpoint.input;
  }
  /** Undefined unless a stream has failed in a way that no other attempt would change. */
  get lasting(): LastingStreamError | undefined {
    return this.#lasting;
  }
  get outputState(): OutputState {
    return this.#outputState;
  }

  /** Stores what a handler gives as a checkpoint. Resolves with its size when it is in the store. */
  async save(bytes: AsyncIterable<Uint8Array>): Promise<number> {
    const { saved } = this.#ends;
    let total = 0;
    const stream = this.#kept(new OutputStream(saved, (written) => (total = written)));
    try {
      await pipeline(bytes, stream);
    } catch (error) {
      await saved.abandon();
      throw error;
    }
    return total;
  }

  /** The handler has returned. Streams that it left open end now. */
  close(): void {
    for (const stream of this.#open) stream.destroy();
  }

  #inputOf(source: InputSource): HandlerInput {
    let file: Promise<string> | undefined;
    return {
      bytes: source.bytes,
      stream: ({ from = 0 } = {}) => this.#kept(new InputStream(source, from)),
      file: () => (file ??= this.#toFile(source)),
    };
  }

  #kept<S extends Readable | Writable>(stream: S): S {
    this.#open.add(stream);
    stream.once('close', () => this.#open.delete(stream));
    stream.on('error', (error) => {
      if (error instanceof LastingStreamError) this.#lasting ??= error;
    });
    return stream;
  }

  #openOutput(sink: OutputSink): Writable {
    if (this.#outputState !== 'unused')
      throw new Error('ctx.output.stream() was called before: an output is one stream');
    this.#outputState = 'open';
    const stream = new OutputStream(sink, (bytes) => {
      this.outputBytes = bytes;
      this.#outputState = 'finished';
    });
    stream.once('error', (error) => {
      this.outputError = error;
      this.#outputState = 'failed';
    });
    return stream;
  }

  async #toFile(source: InputSource): Promise<string> {
    const path = await source.place();
    await pipeline(this.#kept(new InputStream(source, 0)), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    return path;
  }
}

class InputStream extends Readable {
  readonly #source: InputSource;
  readonly #digest = createHash('sha256');
  readonly #isWhole: boolean;
  #at: number;

  constructor(source: InputSource, from: number) {
    super({ highWaterMark: pieceBytes });
    if (!Number.isSafeInteger(from) || from < 0 || from > source.bytes) {
      throw new RangeError(`ctx.input.stream: from must be 0 to ${source.bytes}, not ${from}`);
    }
    this.#source = source;
    this.#at = from;
    this.#isWhole = from === 0;
  }

  override _read(): void {
    this.#next().then(
      (piece) => this.push(piece),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  /** Null at the end. The last piece comes only if the whole is what was written. */
  async #next(): Promise<Buffer | null> {
    const { name, bytes, sha256, read } = this.#source;
    if (this.#at === bytes) return null;
    const piece = await read(this.#at);
    this.#at += piece.byteLength;
    if (sha256 === undefined || !this.#isWhole) return bufferOf(piece);
    this.#digest.update(piece);
    if (this.#at === bytes && !this.#digest.digest().equals(sha256)) {
      const message = `the ${name} cannot be read: its bytes are not those that were stored`;
      throw streamRefused({ of: name, code: 'PAYLOAD_DAMAGED', message, lasting: true });
    }
    return bufferOf(piece);
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

class OutputStream extends Writable {
  readonly #sink: OutputSink;
  readonly #finished: (bytes: number) => void;
  readonly #digest = createHash('sha256');
  #piece = new Uint8Array(pieceBytes);
  #filled = 0;
  #bytes = 0;
  /** One piece is under way while the next one is filled. */
  #underWay: Promise<void> = Promise.resolve();

  constructor(sink: OutputSink, finished: (bytes: number) => void) {
    super({ highWaterMark: 256 * 1_024 });
    this.#sink = sink;
    this.#finished = finished;
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#take(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error) => void): void {
    this.#end().then(() => done(), done);
  }

  async #take(chunk: Uint8Array): Promise<void> {
    this.#digest.update(chunk);
    this.#bytes += chunk.byteLength;
    for (let from = 0; from < chunk.byteLength;) {
      const taken = chunk.subarray(from, from + pieceBytes - this.#filled);
      this.#piece.set(taken, this.#filled);
      this.#filled += taken.byteLength;
      from += taken.byteLength;
      if (this.#filled === pieceBytes) await this.#send();
    }
  }

  async #send(): Promise<void> {
    await this.#whileOpen();
    const full = this.#filled === pieceBytes;
    const piece = full ? this.#piece : this.#piece.slice(0, this.#filled);
    this.#piece = new Uint8Array(pieceBytes);
    this.#filled = 0;
    this.#underWay = this.#sink.write(piece);
    this.#underWay.catch(() => undefined);
  }

  async #end(): Promise<void> {
    if (this.#filled > 0) await this.#send();
    await this.#whileOpen();
    await this.#sink.finish({ bytes: this.#bytes, sha256: this.#digest.digest() });
    if (!this.destroyed) this.#finished(this.#bytes);
  }

  /** Of what was given up nothing more may come: it would pass for the beginning of what is written next. */
  async #whileOpen(): Promise<void> {
    await this.#underWay;
    if (this.destroyed) throw new Error('the stream was destroyed before its end');
  }
}

/**
 * What a stream fails with when those who run the handler refuse. `lasting`: every attempt would meet the same. A job does not
 * depend on a checkpoint, so no trouble with one ends it.
 */
export function streamRefused(refused: {
  readonly of: 'input' | 'output' | 'checkpoint';
  readonly code: string;
  readonly message: string;
  readonly lasting: boolean;
}): Error {
  const { of, code, message, lasting } = refused;
  if (!lasting || of === 'checkpoint') return fail(message, { code });
  return new LastingStreamError(of === 'input' ? 'INVALID_INPUT' : 'INVALID_OUTPUT', message);
}

/** Whether a handler gives its checkpoint as a stream. */
export function isByteStream(value: unknown): value is AsyncIterable<Uint8Array> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A payload that is in memory, as a source. */
export function memorySource(name: InputSource['name'], whole: Uint8Array, place: () => Promise<string>): InputSource {
  const bytes = whole.byteLength;
  return {
    name,
    bytes,
    // A copy, because the handler may have the same bytes and change them.
    read: (offset) => Promise.resolve(new Uint8Array(whole.subarray(offset, offset + pieceBytes))),
    place,
  };
}
