/** Picks the next ready actor by a seed and lets it handle one message, so that a seed is one interleaving. */
import type { Random } from '../../application/ports/runtime.ts';
import type { Runnable, Scheduler } from '../index.ts';

/** Picks the next task by chance, from a seed. */
export interface SeededScheduler extends Scheduler {
  /** Runs one ready actor; false when none is ready. */
  runOne(): boolean;
  /** Something is ready to run. */
  readonly hasReady: boolean;
}

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
