/**
 * Seals what one attempt makes: its output, checkpoints, log, progress notes and the texts of its failure. Nothing of these
 * leaves the node otherwise. While there is no key, they wait.
 */
import { payloadOwner, sealFailure, sealLine, sealNote, type SealedJob } from '../../application/sealing/job-seals.ts';
import type { SealContext, SealKind } from '../../application/sealing/envelope.ts';
import { type SealedWhole, sealWhole } from '../../application/sealing/sealed-payloads.ts';
import type { Sealer, Sealing } from '../../application/sealing/sealing.ts';
import type { RunPayload } from '../../domain/attempt-outcome.ts';
import type { Failure } from '../../domain/job.ts';
import type { LogLine } from '../../domain/job-log.ts';

interface Unstored {
  readonly name: string;
  readonly sealed: Promise<SealedWhole>;
}

export class RunSeal {
  readonly #sealing: Sealing;
  readonly #job: SealedJob;
  /**
   * What was sealed last and is not surely stored: a payload has the same bytes however often it is written. One of each kind,
   * because a checkpoint that a later one has overtaken is written no more.
   */
  readonly #unstored = new Map<SealKind, Unstored>();

  constructor(sealing: Sealing, job: SealedJob) {
    this.#sealing = sealing;
    this.#job = job;
  }

  /** Rejects with ENCRYPTION_UNAVAILABLE. */
  sealer(): Promise<Sealer> {
    return this.#sealing.sealer(this.#job.spec.tenant);
  }

  context(kind: SealKind, encoding: 'json' | 'bytes'): SealContext {
    return { ...payloadOwner(this.#job, kind), encoding };
  }

  async whole(
    payload: RunPayload,
    { kind, name, inlineMaxBytes }: { readonly kind: SealKind; readonly name: string; readonly inlineMaxBytes: number },
  ): Promise<SealedWhole> {
    const known = this.#unstoredAs(kind, name);
    if (known !== undefined) return known;
    const sealer = await this.sealer();
    // Another call may have been faster meanwhile.
    const sealed =
      this.#unstoredAs(kind, name) ?? sealWhole(sealer, payloadOwner(this.#job, kind), payload, inlineMaxBytes);
    this.#unstored.set(kind, { name, sealed });
    return sealed;
  }

  stored(kind: SealKind, name: string): void {
    if (this.#unstoredAs(kind, name) !== undefined) this.#unstored.delete(kind);
  }

  #unstoredAs(kind: SealKind, name: string): Promise<SealedWhole> | undefined {
    const unstored = this.#unstored.get(kind);
    return unstored?.name === name ? unstored.sealed : undefined;
  }

  async failure(failure: Failure): Promise<Failure> {
    return sealFailure(await this.sealer(), this.#job, failure);
  }

  async lines(lines: readonly LogLine[]): Promise<readonly LogLine[]> {
    const sealer = await this.sealer();
    return lines.map((line) => ({ ...line, text: '', sealed: sealLine(sealer, this.#job, line) }));
  }

  /** Progress waits for nothing: without a key its note is left out. */
  note(note: string): { readonly note: string; readonly sealedNote?: string } {
    const sealer = note === '' ? undefined : this.#sealing.present(this.#job.spec.tenant);
    return sealer === undefined ? { note: '' } : { note: '', sealedNote: sealNote(sealer, this.#job, note) };
  }
}
