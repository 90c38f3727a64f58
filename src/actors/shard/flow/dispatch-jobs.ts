/** Gives the held jobs of a queue their turns, one after the other, while there is room for them. */
import type { Priority } from '../../../domain/priority.ts';
import type { JobEntry } from '../table/queue-index.ts';
import type { ConcurrencyKeys } from './concurrency-keys.ts';
import type { FairQueue } from './fair-queue.ts';
import type { JobStandings } from './job-standings.ts';
import type { QueueQuota } from './queue-quota.ts';
import type { QueueTurns } from './queue-turns.ts';
import type { RouteWindows } from './route-windows.ts';
import type { WorkSender } from './work-sender.ts';

export interface DispatchParts {
  readonly queue: Pick<FairQueue, 'shift'>;
  readonly windows: Pick<RouteWindows, 'isMixed' | 'mayFillLevel' | 'unblock'>;
  readonly standings: Pick<JobStandings, 'held' | 'isBringingBack'>;
  readonly keys: Pick<ConcurrencyKeys, 'unanswered'>;
  readonly quota: Pick<QueueQuota, 'room'>;
  readonly turns: QueueTurns;
  readonly work: Pick<WorkSender, 'send'>;
  readonly windowSize: () => number;
  /** Called when jobs may still have their turn, after as many turns as one message of the shard may take. */
  readonly goOn: () => void;
}

/**
 * Turns that one call may take. Jobs whose key is full take a turn each and no room, so a queue may have very many such
 * turns in a row.
 */
const turnsMax = 1_000;

/**
 * Dispatches at most so many jobs. Returns how many it was. A job whose key has to ask its home first may start as soon
 * as the home answers, so it counts as if it took room: no more keys ask at a time than jobs may go.
 */
export function dispatchJobs(parts: DispatchParts, most: number): number {
  const { queue, windows, standings, keys, turns, goOn } = parts;
  const areComing = (): boolean => standings.isBringingBack;
  if (areComing()) {
    goOn();
    return 0;
  }
  const room = parts.quota.room();
  const size = parts.windowSize();
  // Of a job in a handler route, only its turn tells whether there is room.
  const mayFill = (level: Priority): boolean => windows.isMixed || windows.mayFillLevel(level, size);
  let [sent, taken, added] = [0, 0, 0];
  turns.coldTurns = 0;
  const use = (entry: JobEntry): boolean => {
    taken += 1;
    const turn = turns.warm(entry, size);
    if (turn === 'dispatched' || turn === 'was out') sent += 1;
    const isNew = turn === 'dispatched' || turn === 'probe';
    if (isNew) added += 1;
    return isNew;
  };
  const mayGoOn = (): boolean =>
    sent < Math.min(room, most) && standings.held > 0 && keys.unanswered < Math.min(room - sent, size);
  // Jobs that were blocked have waited longer than those in the line. So they come first, at each turn.
  const next = (): boolean => {
    windows.unblock(size);
    return queue.shift(mayFill, use) === 'used';
  };
  const areMany = (): boolean => taken + turns.coldTurns >= turnsMax;
  while (mayGoOn() && !areMany() && !areComing() && next());
  if (added > 0) parts.work.send();
  if (areComing() || (areMany() && mayGoOn())) goOn();
  return sent;
}
