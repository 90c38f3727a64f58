/**
 * Who runs when. The kernel only says that an actor has something to do; the scheduler picks the next one and how many
 * messages it may handle. The real one shares the thread with the event loop; tests use a seeded one.
 */
import type { Clock } from '../application/ports/runtime.ts';
import { RingBuffer } from './ring-buffer.ts';

export interface Runnable {
  /** Handles up to `batch` messages; true when there are more to handle now. */
  run(batch: number): boolean;
  /** Time it has held the thread, as far as its scheduler measures that. */
  busyMs: number;
}

export interface Scheduler {
  /** A task is never scheduled again before it was run. */
  schedule(task: Runnable): void;
}

/** Long enough to pay for the switch, short enough that one busy actor does not hold up its neighbours. */
const BATCH = 32;
/** Then the event loop has its turn: sockets and timers must not wait for actors that never run dry. */
const TURN_MS = 2;
/** The same bound for clocks that do not move. */
const TURN_BATCHES = 64;

/* eslint-disable no-restricted-globals -- this is the port's one real implementation */
/** Round robin over ready actors in turns of the event loop (`setImmediate`). */
export function createTurnScheduler(clock: Pick<Clock, 'monotonicMs'>): Scheduler {
  const ready = new RingBuffer<Runnable>(Number.MAX_SAFE_INTEGER); // at most one entry per actor
  let armed = false;

  const turn = (): void => {
    let nowMs = clock.monotonicMs();
    const untilMs = nowMs + TURN_MS;
    try {
      for (let batches = 0; batches < TURN_BATCHES; batches++) {
        const task = ready.shift();
        if (task === undefined) break;
        if (task.run(BATCH)) ready.push(task);
        // The clock is read once a batch in any case, so that who used the time costs nothing to know.
        const beganMs = nowMs;
        nowMs = clock.monotonicMs();
        task.busyMs += nowMs - beganMs;
        if (nowMs >= untilMs) break;
      }
    } finally {
      armed = ready.size > 0;
      if (armed) setImmediate(turn);
    }
  };

  return {
    schedule(task) {
      ready.push(task);
      if (armed) return;
      armed = true;
      setImmediate(turn);
    },
  };
}
