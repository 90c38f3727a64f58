/**
 * A scheduler that picks the next ready actor at random and lets it handle one message. Each seed is one interleaving.
 */
import type { Random } from '../../application/ports/runtime.ts';
import type { Runnable, Scheduler } from '../index.ts';

/** A scheduler that a test drives step by step. */
export interface SeededScheduler extends Scheduler {
  /** Runs one ready actor for one message. Returns false if none is ready. */
  runOne(): boolean;
  /** True if at least one actor is ready. */
  readonly hasReady: boolean;
}

/** Creates a scheduler that picks by `random`. */
export function createSeededScheduler(random: Random): SeededScheduler {
  const ready: Runnable[] = [];
  return {
    get hasReady() {
      return ready.length > 0;
    },
    schedule(task) {
      ready.push(task);
    },
    runOne() {
      const index = Math.floor(random() * ready.length);
      const [task] = ready.splice(index, 1);
      if (task === undefined) return false;
      if (task.run(1)) ready.push(task);
      return true;
    },
  };
}
