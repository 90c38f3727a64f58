/**
 * Bounds how much a run may send while it runs. `ctx` keeps itself far below these bounds. More than that comes from a
 * handler that posts messages by itself, and would fill the memory of the cell and the node.
 */
import { checkpointMaxBytes } from '../../../domain/job.ts';
import { outputBytes } from '../protocol/output-bound.ts';
import type { ThreadNote } from '../protocol/thread-messages.ts';

const notesBurst = 500;
const notesPerSecond = 150;
/** `ctx` has one checkpoint under way at a time, and sends a last one when its run ends. */
const checkpointsOpenMax = 2;
const checkpointsBurstBytes = 4 * checkpointMaxBytes;
const checkpointsBytesPerSecond = 2 * checkpointMaxBytes;

export class NoteBounds {
  #notes = 0;
  #bytes = 0;
  #open = 0;

  /**
   * False if this note is one too many. `stopping`: an attempt that is being stopped saves as fast as it gets answers,
   * so its bytes are not limited by time.
   */
  admit(note: ThreadNote, { sinceMs, stopping }: { readonly sinceMs: number; readonly stopping: boolean }): boolean {
    const seconds = sinceMs / 1_000;
    this.#notes += 1;
    if (note.kind === 'checkpoint') {
      this.#open += 1;
      this.#bytes += outputBytes(note.payload);
      if (this.#open > checkpointsOpenMax) return false;
      if (!stopping && this.#bytes > checkpointsBurstBytes + checkpointsBytesPerSecond * seconds) return false;
    }
    return this.#notes <= notesBurst + notesPerSecond * seconds;
  }

  /** Call this when a checkpoint is durable, or never will be. */
  settled(): void {
    this.#open = 0;
  }
}
