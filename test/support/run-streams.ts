/** The streams of a run on a store that makes up its bytes and keeps none, and counts what is under way. */
import { createHash, type Hash } from 'node:crypto';
import type { RunStreams, StreamSource, StreamTarget } from '../../src/application/ports/run-pool.ts';
import { payloadPartBytes } from '../../src/application/ports/payload-store.ts';
import type { RunInput } from '../../src/domain/attempt-outcome.ts';

export class CountedStreams implements RunStreams {
  readonly #inputBytes: number;
  readonly #written: Hash = createHash('sha256');
  readBytes = 0;
  writtenBytes = 0;
  /** The most bytes that were read and not written again: what node, cell, thread and handler held together. */
  heldMax = 0;
  /** Set when the output is complete: the SHA-256 that the store was told. */
  completed: string | undefined;
  failed: unknown;
  /** Called before each piece of the output is taken. */
  beforeWrite: () => Promise<void> = () => Promise.resolve();

  constructor(inputBytes: number) {
    this.#inputBytes = inputBytes;
  }

  get input(): RunInput {
    return { kind: 'streamed', bytes: this.#inputBytes, sha256: Buffer.from(this.sha256(0), 'hex') };
  }
  get writtenSha256(): string {
    return this.#written.copy().digest('hex');
  }

  sha256(from: number): string {
    const hash = createHash('sha256');
    for (let at = from; at < this.#inputBytes;) {
      const piece = this.#piece(at);
      hash.update(piece);
      at += piece.byteLength;
    }
    return hash.digest('hex');
  }

  read(_of: StreamSource, offset: number): Promise<Uint8Array> {
    const piece = this.#piece(offset);
    this.readBytes += piece.byteLength;
    this.heldMax = Math.max(this.heldMax, this.readBytes - this.writtenBytes);
    return Promise.resolve(piece);
  }

  async write(_to: StreamTarget, parts: AsyncIterator<Uint8Array, Uint8Array>): Promise<void> {
    try {
      for (;;) {
        await this.beforeWrite();
        const next = await parts.next();
        if (next.done === true) {
          this.completed = Buffer.from(next.value).toString('hex');
          return;
        }
        this.writtenBytes += next.value.byteLength;
        this.#written.update(next.value);
      }
    } catch (error) {
      this.failed = error;
      throw error;
    }
  }

  /** From `offset` to the end of its part. The bytes say which part it is. */
  #piece(offset: number): Uint8Array {
    const end = Math.min(this.#inputBytes, (Math.floor(offset / payloadPartBytes) + 1) * payloadPartBytes);
    return Buffer.alloc(end - offset, Math.floor(offset / payloadPartBytes) % 251);
  }
}
