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
import type { RunOutcome, RunStreams, StreamSource, StreamTarget } from '../../application/ports/run-pool.ts';
import { TroupeError } from '../../domain/errors.ts';
import { sealedBytes } from '../../application/sealing/sealed-parts.ts';
import { sealStream } from '../../application/sealing/sealed-payloads.ts';
import { isDamagedSeal } from '../../application/storage/damaged-payload.ts';
import { type Payload, storedIdOf } from '../../domain/job.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { RunSeal } from './run-seal.ts';

/** A payload that lies in the store. */
export type StoredRef = Extract<Payload, { kind: 'ref' | 'sealed-ref' }>;

const retryMs = { first: 100, most: 5_000 } as const;

export interface StreamsPlace {
  readonly payloads: PayloadStore;
  readonly payloadName: string;
  readonly expiresAtMs: number;
  /** The largest output. */
  readonly maxBytes: number;
  /** Undefined if the attempt seals nothing. */
  readonly seal: RunSeal | undefined;
}

interface StreamsParts {
  /** What is read piece by piece. */
  readonly sources: { readonly [S in StreamSource]: StoredPayload | undefined };
  /** Asked when something is to be written, by its name within the attempt. */
  readonly place: (name: string) => StreamsPlace;
  readonly clock: Pick<Clock, 'setTimer'>;
}

/** A payload that was read up to here. */
interface Reading {
  readonly of: StreamSource;
  readonly atByte: number;
  readonly pieces: AsyncIterator<Uint8Array>;
}

/** A handler may read one payload in several streams at once. */
const readingsMax = 4;

export class AttemptStreams implements RunStreams {
  readonly #parts: StreamsParts;
  #ended = false;
  /** To go on without opening it again. One that is being asked is not among them, so no two reads share it. */
  #readings: readonly Reading[] = [];
  #writing: Promise<StoredRef> | undefined;
  #written: StoredRef | undefined;
  #damaged = false;
  #checkpoints = 0;
  /** The checkpoint that is in the store and that nobody has offered to the shard yet. */
  #saved: StoredRef | undefined;

  constructor(parts: StreamsParts) {
    this.#parts = parts;
  }

  /** While the store does not answer, it asks again until the attempt ends. */
  async read(of: StreamSource, offset: number): Promise<Uint8Array> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.#read(of, offset);
      } catch (error) {
        // A damaged checkpoint is the handler's choice to go on without it.
        if (of === 'input' && isDamagedSeal(error)) this.#damaged = true;
        if (this.#ended || !TroupeError.from(error).retryable) throw error;
      }
      const delayMs = Math.min(retryMs.most, retryMs.first * 2 ** Math.min(tries, 10));
      await new Promise<void>((resolve) => void this.#parts.clock.setTimer(delayMs, resolve));
    }
  }

  async write(to: StreamTarget, parts: PayloadParts): Promise<void> {
    if (to === 'checkpoint') return this.#save(parts);
    this.#writing = this.#put('output', 'output', parts);
    this.#written = await this.#writing;
  }

  async #save(parts: PayloadParts): Promise<void> {
    this.#checkpoints += 1;
    const saved = await this.#put(`streamed-${this.#checkpoints}`, 'checkpoint', parts);
    // Another one was saved before this, and is newer than any stream.
    this.#remove(this.#saved);
    this.#saved = saved;
    if (this.#ended) this.#remove(this.takeCheckpoint());
  }

  async #put(name: string, to: StreamTarget, parts: PayloadParts): Promise<StoredRef> {
    const { payloads, payloadName, expiresAtMs, maxBytes, seal } = this.#parts.place(name);
    if (seal === undefined) {
      return refOf(await payloads.writePayload({ name: payloadName, bytes: { atMost: maxBytes }, expiresAtMs }, parts));
    }
    const sealed = sealStream(await seal.sealer(), seal.context(to, 'bytes'), parts);
    const atMost = sealedBytes(maxBytes);
    const { id } = await payloads.writePayload({ name: payloadName, bytes: { atMost }, expiresAtMs }, sealed.parts);
    return sealed.refTo(id);
  }

  /** What it has read is not what was sealed for the job. No later attempt will read anything else. */
  get isDamaged(): boolean {
    return this.#damaged;
  }

  /** The output as the record names it. Undefined if none was written to its end. */
  get output(): StoredRef | undefined {
    return this.#written;
  }

  /** The checkpoint that the run has streamed. The caller offers it to the shard, or loses it. */
  takeCheckpoint(): StoredRef | undefined {
    const saved = this.#saved;
    this.#saved = undefined;
    return saved;
  }

  /** The code of the attempt is gone. What no record will name is removed, now or when it has been written. */
  ended(outcome: RunOutcome, isWanted: boolean): void {
    this.#ended = true;
    this.#keep();
    this.#remove(this.takeCheckpoint());
    const isNamed = isWanted && outcome.kind === 'succeeded' && outcome.output?.kind === 'streamed';
    if (!isNamed) this.#writing?.then((written) => this.#remove(written)).catch(() => undefined);
  }

  /** What cannot be removed now expires. */
  #remove(stored: StoredRef | undefined): void {
    const id = stored && storedIdOf(stored);
    if (id === undefined) return;
    this.#parts
      .place('')
      .payloads.deletePayload(id)
      .catch(() => undefined);
  }

  async #read(of: StreamSource, offset: number): Promise<Uint8Array> {
    const source = this.#parts.sources[of];
    if (source === undefined || offset >= source.bytes) {
      throw new TroupeError('INVALID_ARGUMENT', { message: 'no such piece' });
    }
    const reading = this.#readings.find((kept) => kept.of === of && kept.atByte === offset);
    this.#readings = this.#readings.filter((kept) => kept !== reading);
    const pieces = reading?.pieces ?? source.readFrom(offset)[Symbol.asyncIterator]();
    const next = await pieces.next();
    if (next.done === true) throw new TroupeError('PAYLOAD_GONE', { metadata: { why: 'missing' } });
    this.#keep({ of, atByte: offset + next.value.byteLength, pieces });
    return next.value;
  }

  #keep(...more: readonly Reading[]): void {
    const kept = [...this.#readings, ...more];
    this.#readings = this.#ended ? [] : kept.slice(-readingsMax);
    for (const reading of kept) if (!this.#readings.includes(reading)) void reading.pieces.return?.();
  }
}

function refOf({ id, bytes }: WrittenPayload): StoredRef {
  return { kind: 'ref', id, bytes, encoding: 'bytes' };
}
