/**
 * A process of the simulated cluster. Everything that happens in it goes through `run`. While the process is paused
 * (SIGSTOP) it waits, and after a kill nothing of it ever happens again. Messages that it has sent are still delivered.
 */
import type { Clock, Random } from '../../../src/application/ports/runtime.ts';
import type { Scheduler } from '../../../src/kernel/index.ts';
import { createSeededRandom } from '../../../src/kernel/testkit/index.ts';
import { SteadyTime } from '../../../src/domain/steady-time.ts';
import type { Timeline } from './timeline.ts';

/** Wall clock at the first instant of a simulation. A new minute, and with it a new partition, begins while it runs. */
export const epochMs = Date.UTC(2026, 0, 1, 0, 0, 48);

/** Two ticks of a shard. */
const noticedPauseMs = 2_000;

export interface HostOptions {
  readonly name: string;
  readonly timeline: Timeline;
  readonly seed: number;
  /** How far its wall clock is ahead, ms. */
  readonly skewMs: number;
}

export class Host {
  readonly name: string;
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  state: 'up' | 'paused' | 'dead' = 'up';
  /** Monotonic time at which it started, or last resumed after a pause that was long enough to notice. */
  awakeSinceMs: number;
  /** Monotonic. */
  readonly beganMs: number;
  /** By how much its wall clock was set forward (positive) or back. */
  steppedMs = 0;
  #pausedMs = 0;
  readonly #held: (() => void)[] = [];
  readonly #killed: (() => void)[] = [];

  constructor({ name, timeline, seed, skewMs }: HostOptions) {
    this.name = name;
    this.timeline = timeline;
    this.awakeSinceMs = timeline.nowMs;
    this.beganMs = timeline.nowMs;
    this.random = createSeededRandom(seed);
    const wallMs = (): number => Math.floor(epochMs + skewMs + this.steppedMs + timeline.nowMs);
    const monotonicMs = (): number => timeline.nowMs;
    const time = new SteadyTime({ wallMs, monotonicMs });
    this.clock = {
      nowMs: () => time.nowMs(),
      wallMs,
      monotonicMs,
      setTimer: (delayMs, fire) =>
        timeline.at(delayMs, () => {
          this.run(fire);
        }),
    };
    this.scheduler = {
      schedule: (task) => {
        const step = (): void => {
          this.run(() => {
            if (task.run(1)) timeline.soon(step);
          });
        };
        timeline.soon(step);
      },
    };
  }

  run(task: () => void): void {
    if (this.state === 'up') task();
    else if (this.state === 'paused') this.#held.push(task);
  }

  /** Runs the task at the end of the present turn of its event loop. */
  soon(task: () => void): void {
    this.timeline.soon(() => {
      this.run(task);
    });
  }

  pause(): void {
    if (this.state !== 'up') return;
    this.state = 'paused';
    this.#pausedMs = this.timeline.nowMs;
  }

  /** Everything that arrived during the pause is there at once, in any order. */
  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'up';
    if (this.timeline.nowMs - this.#pausedMs > noticedPauseMs) this.awakeSinceMs = this.timeline.nowMs;
    for (const task of this.#held.splice(0)) this.soon(task);
  }

  kill(): void {
    if (this.state === 'dead') return;
    this.state = 'dead';
    this.#held.length = 0;
    for (const listener of this.#killed) listener();
  }

  onKilled(listener: () => void): void {
    this.#killed.push(listener);
  }
}
