/**
 * Decides which actor runs next and how many messages it may handle. The kernel only reports that an actor has work.
 * The production scheduler shares the thread with the event loop; tests use a seeded scheduler.
 */
import type { Clock } from '../application/ports/runtime.ts';
import { RingBuffer } from './ring-buffer.ts';

/** Something that can be scheduled; in practice an actor. */
export interface Runnable {
  /** Handles up to `batch` messages. Returns true if more can be handled now. */
  run(batch: number): boolean;
  /** Total time that the task has held the thread, in ms. A scheduler that does not measure time leaves it at 0. */
  busyMs: number;
}

/** Runs tasks that have work. */
export interface Scheduler {
  /** Queues a task. The kernel does not schedule a task again before it has run. */
  schedule(task: Runnable): void;
}

/**
 * Messages per task and turn: enough to amortize the switch, but few enough that a busy actor does not delay its
 * neighbours.
 */
const BATCH = 32;
/**
 * After this time the event loop gets a turn, so that actors that are always busy cannot starve sockets and timers. The
 * actors get longer when the loop took longer for the rest: as long as they had to wait, up to the maximum. So a flood of
 * calls cannot starve the actors either. They have at least half of the loop, unless the rest takes more than the maximum.
 */
const TURN_MS = 2;
const TURN_MAX_MS = 20;
/** So many batches end a turn in which the clock does not advance. Batches that are merely short have their time. */
const STILL_BATCHES = 64;

/* eslint-disable no-restricted-globals -- this is the port's one real implementation */
/** Runs ready actors round robin, in turns of the event loop (`setImmediate`). */
export function createTurnScheduler(clock: Pick<Clock, 'monotonicMs'>): Scheduler {
  const ready = new RingBuffer<Runnable>(Number.MAX_SAFE_INTEGER); // holds each actor at most once
  let armed = false;
  /** Since when actors wait for their turn. */
  let armedAtMs = 0;

  const turn = (): void => {
    let nowMs = clock.monotonicMs();
    const turnMs = Math.min(TURN_MAX_MS, Math.max(TURN_MS, nowMs - armedAtMs));
    const untilMs = nowMs + turnMs;
    try {
      for (let stillBatches = 0; stillBatches < STILL_BATCHES; stillBatches++) {
        const task = ready.shift();
        if (task === undefined) break;
        if (task.run(BATCH)) ready.push(task);
        // The loop reads the clock once per batch anyway, so measuring the time of each task costs nothing extra.
        const beganMs = nowMs;
        nowMs = clock.monotonicMs();
        task.busyMs += nowMs - beganMs;
        if (nowMs >= untilMs) break;
        if (nowMs > beganMs) stillBatches = 0;
      }
    } finally {
      armed = ready.size > 0;
      armedAtMs = nowMs;
      if (armed) setImmediate(turn);
    }
  };

  return {
    schedule(task) {
      ready.push(task);
      if (armed) return;
      armed = true;
      armedAtMs = clock.monotonicMs();
      setImmediate(turn);
    },
  };
}
