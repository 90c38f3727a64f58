/** What a queue limiter needs of `dispatch/`: the WORK message of a job that may start. */
import type { JobEntry } from '../table/queue-index.ts';

export interface WorkSender {
  /** Adds the message of a job. It leaves with the next `send`. */
  add(entry: JobEntry): void;
  send(): void;
}
