/**
 * Makes this process one of another user, for good. It does so itself, and is not started as that user, because of what
 * Linux does then: a process that has changed its user belongs to root in `/proc`, so that neither its own threads nor
 * their children open its memory or environment there.
 */
import { describeThrown } from '../../../handlers/execution.ts';

export function becomeUser(uid: number): void {
  // Not there on Windows.
  if (process.setgroups === undefined || process.setgid === undefined || process.setuid === undefined)
    throw new Error('workers.cellUid: this system has no users that a process could become');
  try {
    process.setgroups([]);
    process.setgid(uid);
    process.setuid(uid);
  } catch (cause) {
    throw new Error(`workers.cellUid: the cell cannot become user ${uid}: ${describeThrown(cause)}`, { cause });
  }
}
