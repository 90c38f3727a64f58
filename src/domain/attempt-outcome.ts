/**
 * How an attempt ended: one union from the thread that ran the handler to the record of its job. On that way only the
 * output changes its form, from a payload in memory to the payload of a record.
 */
import type { Failure, Payload } from './job.ts';

/** An input, output or checkpoint in memory, as JSON text or bytes. A large one has been fetched already. */
export type RunPayload =
  { readonly kind: 'json'; readonly json: string } | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

/**
 * How far a lost attempt is to blame. `unknown`: its node fell silent or its process was ended, and the fault cannot be
 * attributed. `suspect`: it was in a thread of the dead process. `convicted`: it was alone in that process.
 */
export const blames = ['unknown', 'suspect', 'convicted'] as const;
type Blame = (typeof blames)[number];

/** A payload of a run that lies in the store. Its bytes go to and from the thread piece by piece. */
interface StreamedPayload {
  readonly kind: 'streamed';
  readonly bytes: number;
}

/** What a run gets as its input. */
export type RunInput = RunPayload | (StreamedPayload & { readonly sha256: Uint8Array });
/** What a run gives as its output. A streamed one is in the store when the run ends. */
export type RunOutput = RunPayload | StreamedPayload;

export type AttemptOutcome<Output = Payload> =
  | { readonly kind: 'succeeded'; readonly output?: Output }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      readonly retryable: boolean;
      /** It ran out of memory and may run again at once with this heap. That does not count as a failure. */
      readonly nextMemoryMb?: number;
    }
  /** Its handler asked to run again later. */
  | { readonly kind: 'snoozed'; readonly delayMs: number }
  /** It was asked to stop, and its code no longer runs. */
  | { readonly kind: 'stopped' }
  /** It never began, because the threads were busy for longer than expected or its input could not be read. */
  | { readonly kind: 'released' }
  /** Its node or its cell is gone. */
  | { readonly kind: 'lost'; readonly blame: Blame };
