/** What a node reports about its handlers to a developer who edits them and has just saved a file. */
import type { JobId } from '../../domain/job-id.ts';
import type { LogLevel } from '../../domain/job-log.ts';

/** `file` is the path below the handlers folder. */
export interface FileChange {
  readonly file: string;
  readonly how: 'changed' | 'new' | 'gone';
}
export interface FileProblem {
  readonly file: string;
  readonly reason: string;
}

export type HandlerNews =
  /** New attempts run the new code. `problems` lists files that failed to load before as well. */
  | {
      readonly kind: 'reloaded';
      readonly handlers: readonly string[];
      readonly changes: readonly FileChange[];
      readonly problems: readonly FileProblem[];
    }
  /** The new code could not be loaded, so the old code stays. */
  | {
      readonly kind: 'not-reloaded';
      readonly changes: readonly FileChange[];
      readonly problems: readonly FileProblem[];
    }
  /**
   * Something rewrites these files continuously. They trigger no reload until they have been unchanged for `restMs`.
   */
  | { readonly kind: 'left-out'; readonly files: readonly string[]; readonly restMs: number }
  /** One line that an attempt logged or printed. */
  | {
      readonly kind: 'line';
      readonly handler: string;
      readonly jobId: JobId;
      readonly level: LogLevel;
      readonly text: string;
    };

export type HandlerNewsListener = (news: HandlerNews) => void;
