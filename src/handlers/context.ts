/** What a handler is given besides its input. The same in a cell's thread and under `runHandler` in a test. */

/** One line each; bounded in rate and length, what is over is counted and said. */
export interface HandlerLog {
  /** For whoever looks for a fault. */
  debug(text: string): void;
  /** For whoever follows the job. */
  info(text: string): void;
  /** Something is odd, and the work goes on. */
  warn(text: string): void;
  /** Something failed. */
  error(text: string): void;
}

/** What a handler is given beside its input. */
export interface HandlerContext {
  /** Id of the job. */
  readonly jobId: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** When this attempt will be stopped: the sooner of its execution timeout and the job's own end. */
  readonly deadline: Date;
  /** Aborts when the attempt is cancelled or out of time. For synchronous loops use `throwIfCancelled`. */
  readonly signal: AbortSignal;
  /** W3C trace context of the submitter. */
  readonly traceparent: string | undefined;
  /** Lines for the log of the job. */
  readonly log: HandlerLog;
  /** `fraction` 0..1. Costs no message, so it may be called in a tight loop; notes are sent at most ten times a second. */
  progress(fraction: number, note?: string): void;
  /**
   * Saves a `Uint8Array` or a JSON value, at most 1 MiB, for the next attempt, should there be one. Resolves when it, or a
   * later one, is durable. It may be called as often as one likes: one is under way at a time, the newest follows, at most
   * ten in a second and 1 MiB in a second. Throws at once on a value that cannot be saved.
   */
  checkpoint(value: unknown): Promise<void>;
  /** What an earlier attempt saved last; undefined when none did. */
  readonly lastCheckpoint: unknown;
  /** A sign of life and nothing else, for handlers with a heartbeat timeout. Costs no message. */
  heartbeat(): void;
  /** Throws once the attempt is cancelled or out of time; sees it inside a synchronous loop too. */
  throwIfCancelled(): void;
}
