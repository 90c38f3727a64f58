/**
 * Watches jobs that are scheduled and may be rescheduled: their code must not run before their time. While a change is
 * requested, the earlier of both times counts. Once it was answered, the new time counts.
 */
import type { JobId } from '../../../src/domain/job-id.ts';
import type { Executions } from './executions.ts';
import { epochMs } from './host.ts';
import { skewMostMs } from './witness.ts';
import type { RecordWatch } from './record-watch.ts';
import type { World } from './world.ts';

interface Floor {
  readonly sinceMs: number;
  /** By the clock of any gateway. */
  readonly atMs: number;
}

export class StartTimes {
  readonly #world: World;
  readonly #records: RecordWatch;
  readonly #floors = new Map<JobId, Floor[]>();

  constructor(world: World, records: RecordWatch) {
    this.#world = world;
    this.#records = records;
  }

  set(id: JobId, atMs: number): void {
    const sinceMs = this.#world.nowMs;
    this.#floors.set(id, [...(this.#floors.get(id) ?? []), { sinceMs, atMs }]);
  }

  /** Call it at most once for each job. With two concurrent changes the last one is unknown. */
  asked(id: JobId, atMs: number): void {
    this.#records.mayMove(id);
    this.set(id, Math.min(atMs, this.#floors.get(id)?.at(-1)?.atMs ?? Infinity));
  }

  moved(id: JobId, atMs: number): void {
    this.set(id, atMs);
  }

  check(executions: Executions): void {
    for (const [id, floors] of this.#floors) {
      for (const { runId, startedMs } of executions.of(id)) {
        const floor = floors.findLast(({ sinceMs }) => sinceMs <= startedMs);
        const earlyMs = (floor?.atMs ?? 0) - (epochMs + startedMs);
        if (earlyMs <= skewMostMs * 2) continue;
        this.#world.violation(9, `${runId} began ${Math.round(earlyMs)} ms before the time it was moved to`);
      }
    }
  }
}
