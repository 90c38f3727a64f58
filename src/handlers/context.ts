/** What a handler is given besides its input, and the forms in which it gets large inputs and gives large outputs. */
import type { Readable, Writable } from 'node:stream';

/**
 * Writes lines to the log of the job. Lines are cut at 2,000 characters, and their rate is limited; the log says how
 * many were dropped.
 */
export interface HandlerLog {
  /** Detail for diagnosis. */
  debug(text: string): void;
  /** Progress that a reader of the job's log wants to see. */
  info(text: string): void;
  /** Something unexpected that does not stop the work. */
  warn(text: string): void;
  /** Something failed. */
  error(text: string): void;
}

/** The input, or the last checkpoint, as a stream or a file, for what is larger than memory. */
export interface HandlerInput {
  /** Its size in bytes. Of JSON, the size of its text. */
  readonly bytes: number;
  /**
   * The bytes of the input, from the beginning or from byte `from`. Each call begins anew. Holds about two pieces of 1 MiB.
   * Before a stream of the whole ends, its SHA-256 is checked. Each piece is a sign of life.
   */
  stream(options?: { readonly from?: number }): Readable;
  /**
   * Copies the input into a file of this machine and resolves with its path, once the whole is there and checked. The file
   * is removed when the attempt ends. It takes up space of `workers.scratchMaxBytes`, and waits until there is enough.
   */
  file(): Promise<string>;
}

/** The output as a stream. */
export interface HandlerOutput {
  /**
   * A stream whose bytes become the output of the job. The handler ends it, waits until it has finished, and returns
   * nothing. Once it has finished, the bytes are durable. They are the output if the attempt succeeds, and are removed
   * otherwise. Each piece is a sign of life. Throws if it was called before.
   */
  stream(): Writable;
}

/** What a handler receives besides its input. */
export interface HandlerContext {
  /** The id of the job. */
  readonly jobId: string;
  /** The number of the attempt, from 1. It also counts attempts that were lost, snoozed or released. */
  readonly attempt: number;
  /** When the attempt will be stopped: at its execution timeout or at the end of the job, whichever comes first. */
  readonly deadline: Date;
  /**
   * Aborts when the attempt is cancelled or out of time. A synchronous loop never sees the event, so use
   * `throwIfCancelled`.
   */
  readonly signal: AbortSignal;
  /**
   * The W3C trace context of the attempt, if the cluster collects traces: spans of the handler that have it as their parent
   * appear below the attempt. Otherwise that of the submitter, or undefined if it sent none.
   */
  readonly traceparent: string | undefined;
  /** The input again, as a stream or a file. A handler with `input: streamed()` gets the same object as its input. */
  readonly input: HandlerInput;
  /** Gives the output as a stream instead of a returned value. */
  readonly output: HandlerOutput;
  /** Writes to the log of the job. Each line is also a sign of life. */
  readonly log: HandlerLog;
  /**
   * Reports progress as a fraction from 0 to 1, and a sign of life. It sends no message by itself, so it may be called
   * in a tight loop. Notes are sent at most ten times a second.
   */
  progress(fraction: number, note?: string): void;
  /**
   * Saves a value for the next attempt: a `Uint8Array` or a JSON value of at most 1 MiB, or a stream of any size (a
   * `Readable`, such as `createReadStream(path)`, or another async iterable of bytes), one at a time. Also a sign of life.
   * Resolves when this checkpoint, or a later one, is durable. It may be called at any rate: one save is in progress at
   * a time, the newest value follows, and saves are limited to ten and to 1 MiB per second.
   * Throws at once if the value cannot be saved: TypeError if JSON cannot express it, RangeError if it is too large.
   */
  checkpoint(value: unknown): Promise<void>;
  /**
   * The last checkpoint of an earlier attempt. Undefined if there is none. Throws RangeError if it has more than 1 MiB: read
   * `lastCheckpointInput`.
   */
  readonly lastCheckpoint: unknown;
  /** The same as a stream or a file, whatever its size. Undefined if there is none. */
  readonly lastCheckpointInput: HandlerInput | undefined;
  /**
   * The value of a secret that the nodes give to this handler for the tenant of the job (`workers.secrets`). White space at
   * its end is left out. Ask for it when you need it and do not keep it: it may have been replaced meanwhile. Log lines, notes
   * and failures show `[secret NAME]` in its place; outputs and checkpoints do not. Also a sign of life. Rejects if there is
   * none that this handler may read.
   */
  secret(name: string): Promise<string>;
  /** Gives a sign of life and does nothing else, for handlers with a heartbeat timeout. Sends no message. */
  heartbeat(): void;
  /** Throws if the attempt is cancelled or out of time. Works inside a synchronous loop too. Also a sign of life. */
  throwIfCancelled(): void;
}
