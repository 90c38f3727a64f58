/**
 * Jobs that are for later, and may be moved: no code of one runs before the time that holds. While a move is asked for, the
 * earlier of both times does; once it was answered, the new one.
 */
import type { JobId } from '../../../src/domain/job-id.ts';
import type { Executions } from './executions.ts';
import { epochMs } from './host.ts';
import { skewMostMs } from './witness.ts';
import type { RecordWatch } from './record-watch.ts';
import type { World } from './world.ts';

interface Floor {
  readonly sinceMs: number;
  /** By the clock of whatever gateway. */
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

  /** At most once for each job: with two moves at a time nobody knows which one was the last. */
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
