/** What whoever sits in front of a node is told of its handlers: a person who writes them, and has just saved a file. */
import type { JobId } from '../../domain/job-id.ts';
import type { LogLevel } from '../../domain/job-log.ts';

/** `file`: its path below the folder of handlers. */
export interface FileChange {
  readonly file: string;
  readonly how: 'changed' | 'new' | 'gone';
}
export interface FileProblem {
  readonly file: string;
  readonly reason: string;
}

export type HandlerNews =
  /** New runs have the new code; `problems` are of files that did not work before either. */
  | {
      readonly kind: 'reloaded';
      readonly handlers: readonly string[];
      readonly changes: readonly FileChange[];
      readonly problems: readonly FileProblem[];
    }
  /** The old code stays. */
  | {
      readonly kind: 'not-reloaded';
      readonly changes: readonly FileChange[];
      readonly problems: readonly FileProblem[];
    }
  /** Something writes these files again and again: they reload nothing until they have rested for so long. */
  | { readonly kind: 'left-out'; readonly files: readonly string[]; readonly restMs: number }
  /** One line that a run has said or printed. */
  | {
      readonly kind: 'line';
      readonly handler: string;
      readonly jobId: JobId;
      readonly level: LogLevel;
      readonly text: string;
    };

export type HandlerNewsListener = (news: HandlerNews) => void;
