/**
 * What becomes of a job of a limiter that has its turn. It is sent, or it waits elsewhere: for room in its handler route
 * or in its concurrency key, or aside while no node has its handler. A cold job that may go is loaded first, and has
 * another turn when its record is there. One that has to wait stays cold.
 */
import type { HandlerNeed } from '../../../domain/handler-need.ts';
import type { ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry, NeedTally } from '../table/queue-index.ts';
import type { ColdRoom } from './cold-room.ts';
import type { ConcurrencyKeys } from './concurrency-keys.ts';
import type { ColdTurn } from './job-line.ts';
import type { JobStandings } from './job-standings.ts';
import type { WaitingJob } from './placed-jobs.ts';
import type { RouteWindows } from './route-windows.ts';

export interface QueueTurnsParts {
  readonly cold: Pick<ColdRoom, 'shapeOf'>;
  readonly windows: Pick<RouteWindows, 'block' | 'isMixed' | 'mayFill'>;
  readonly keys: Pick<ConcurrencyKeys, 'block' | 'roomOf' | 'unanswered'>;
  readonly standings: JobStandings;
  /** Whether any live node has the handler. */
  readonly isServed: (need: HandlerNeed) => boolean;
  /** How many jobs of the queue may be sent. */
  readonly room: () => number;
  readonly windowSize: () => number;
  /** Adds the WORK message of a job. */
  readonly dispatch: (entry: JobEntry) => void;
}

/** The result of a turn. `probe`: the job's message is the only one that is sent for a need that no node has. */
export type Turn = 'dispatched' | 'was out' | 'probe' | 'waits';

/** What decides whether a job has to wait. */
interface Asked {
  readonly need: NeedTally;
  readonly isServed: boolean;
  readonly key: string | undefined;
  readonly size: number;
  /** Others that are loaded together with it, by key and by need. */
  readonly taken?: ReadonlyMap<unknown, number>;
}

export class QueueTurns {
  readonly #parts: QueueTurnsParts;
  /** Turns of cold jobs since this was set to 0. */
  coldTurns = 0;

  constructor(parts: QueueTurnsParts) {
    this.#parts = parts;
  }

  warm(entry: JobEntry, size: number): Turn {
    const { standings, dispatch } = this.#parts;
    const { tally: need } = entry.queueRef;
    const isServed = this.#parts.isServed(need.need);
    standings.hasTurn(entry);
    if (this.#waits(entry, { need, isServed, key: entry.current.spec.concurrencyKey, size })) return 'waits';
    if (!isServed) {
      standings.setAside(entry);
      standings.unserved.setUnroutable(entry);
      dispatch(entry);
      return 'probe';
    }
    const wasOut = entry.message !== undefined;
    standings.send(entry);
    if (wasOut) return 'was out';
    dispatch(entry);
    return 'dispatched';
  }

  cold(slot: ColdSlot, taken: Map<unknown, number>): ColdTurn {
    const { keys, standings, room, windowSize, cold } = this.#parts;
    const size = windowSize();
    if (standings.isBringingBack || keys.unanswered >= Math.min(room(), size)) return 'stop';
    this.coldTurns += 1;
    const { tally: need, concurrencyKey: key } = cold.shapeOf(slot);
    const isServed = this.#parts.isServed(need.need);
    standings.hasTurn(slot);
    if (this.#waits(slot, { need, isServed, key, size, taken })) return 'moved';
    if (key !== undefined) taken.set(key, (taken.get(key) ?? 0) + 1);
    if (!isServed) taken.set(need, 1);
    return 'may load';
  }

  /** Whether the job has to wait. Then it waits elsewhere, or in its line behind others of its need. */
  #waits(job: WaitingJob, { need, isServed, key, size, taken }: Asked): boolean {
    const { standings, windows, keys } = this.#parts;
    if (isServed ? standings.unserved.hasAside(need) : standings.unblockUnserved(need, this.#parts.isServed)) {
      // The handler has come or gone. Most jobs that waited elsewhere because of that have their turn before this one.
      if (isServed) standings.bringBack([need]);
      standings.putBack([job]);
      return true;
    }
    if (!isServed && (standings.unserved.hasUnroutable(need) || taken?.has(need) === true)) {
      standings.setAside(job);
      return true;
    }
    if (isServed && windows.isMixed && !windows.mayFill(job, size)) {
      windows.block(job);
      return true;
    }
    if (key === undefined || keys.roomOf(key) > (taken?.get(key) ?? 0)) return false;
    keys.block(job, key);
    return true;
  }
}
