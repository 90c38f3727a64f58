/**
 * The payloads of one attempt that go piece by piece. The output has a name that holds the token of the attempt, so no other
 * attempt can write to it, and it counts only once the record names it: when the report of the attempt is committed.
 */
import type {
  PayloadParts,
  PayloadStore,
  StoredPayload,
  WrittenPayload,
} from '../../application/ports/payload-store.ts';
import type { RunOutcome, RunStreams } from '../../application/ports/run-pool.ts';
import { invariant, TroupeError } from '../../domain/errors.ts';
import type { Payload } from '../../domain/job.ts';
import type { Clock } from '../../application/ports/runtime.ts';

const retryMs = { first: 100, most: 5_000 } as const;

export interface StreamsPlace {
  readonly payloads: PayloadStore;
  readonly payloadName: string;
  readonly expiresAtMs: number;
  /** The largest output. */
  readonly maxBytes: number;
}

interface StreamsParts {
  /** Undefined unless the input is read piece by piece. */
  readonly input: StoredPayload | undefined;
  /** Asked when an output begins. */
  readonly place: () => StreamsPlace;
  readonly clock: Pick<Clock, 'setTimer'>;
}

export class AttemptStreams implements RunStreams {
  readonly #parts: StreamsParts;
  #ended = false;
  /** Where the input is being read, to go on without opening it again. */
  #reading: { readonly pieces: AsyncIterator<Uint8Array>; atByte: number } | undefined;
  #writing: Promise<WrittenPayload> | undefined;
  #written: WrittenPayload | undefined;

  constructor(parts: StreamsParts) {
    this.#parts = parts;
  }

  /** While the store does not answer, it asks again until the attempt ends. */
  async readInput(offset: number): Promise<Uint8Array> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.#read(offset);
      } catch (error) {
        this.#reading = undefined;
        if (this.#ended || !TroupeError.from(error).retryable) throw error;
      }
      const delayMs = Math.min(retryMs.most, retryMs.first * 2 ** Math.min(tries, 10));
      await new Promise<void>((resolve) => void this.#parts.clock.setTimer(delayMs, resolve));
    }
  }

  async writeOutput(parts: PayloadParts): Promise<void> {
    const { payloads, payloadName: name, expiresAtMs, maxBytes } = this.#parts.place();
    this.#writing = payloads.writePayload({ name, bytes: { atMost: maxBytes }, expiresAtMs }, parts);
    this.#written = await this.#writing;
  }

  /** The output as the record names it. */
  get output(): Payload {
    invariant(this.#written !== undefined, 'an output that was streamed is in the store when its run has ended');
    return { kind: 'ref', id: this.#written.id, bytes: this.#written.bytes, encoding: 'bytes' };
  }

  get isWritten(): boolean {
    return this.#written !== undefined;
  }

  /** The code of the attempt is gone. An output that no report will name is removed, now or when it has been written. */
  ended(outcome: RunOutcome, isWanted: boolean): void {
    this.#ended = true;
    void this.#reading?.pieces.return?.();
    this.#reading = undefined;
    const isNamed = isWanted && outcome.kind === 'succeeded' && outcome.output?.kind === 'streamed';
    if (isNamed || this.#writing === undefined) return;
    const { payloads } = this.#parts.place();
    // What cannot be removed now expires.
    this.#writing.then(({ id }) => payloads.deletePayload(id)).catch(() => undefined);
  }

  async #read(offset: number): Promise<Uint8Array> {
    const { input } = this.#parts;
    if (input === undefined || offset >= input.bytes)
      throw new TroupeError('INVALID_ARGUMENT', { message: 'no such piece' });
    if (this.#reading?.atByte !== offset) {
      this.#reading = { pieces: input.readFrom(offset)[Symbol.asyncIterator](), atByte: offset };
    }
    const reading = this.#reading;
    const next = await reading.pieces.next();
    if (next.done === true) throw new TroupeError('PAYLOAD_GONE', { metadata: { why: 'missing' } });
    reading.atByte += next.value.byteLength;
    return next.value;
  }
}
