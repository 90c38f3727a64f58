/**
 * The jobs of a queue that have a WORK message out, by level. A level has a window of its own, because its messages
 * have a route of their own: a backlog of one level keeps no other level waiting. Jobs that count as `sent` take room
 * in the window. The message of an unroutable job takes none. A window that was full is filled again once half of it
 * is used, so that messages leave together.
 */
import { defaultPriority, priorities, type Priority } from '../../../domain/priority.ts';
import type { JobEntry } from '../table/job-table.ts';
import type { DispatchWindows } from './dispatch-windows.ts';

interface Level {
  readonly out: Set<JobEntry>;
  sent: number;
  /** It was full, and more than half of it is still out. */
  isFull: boolean;
}

export class LevelWindows {
  readonly #windows: DispatchWindows;
  readonly #levels: readonly Level[] = priorities.map(() => ({ out: new Set<JobEntry>(), sent: 0, isFull: false }));
  #sent = 0;

  constructor(windows: DispatchWindows) {
    this.#windows = windows;
  }

  /** Jobs of all levels that are sent. */
  get sent(): number {
    return this.#sent;
  }

  /** The jobs of each level with a message out, in the order in which the messages were sent. */
  get out(): readonly ReadonlySet<JobEntry>[] {
    return this.#levels.map(({ out }) => out);
  }

  /** The jobs that are sent, of each level in the order of their messages. */
  sentJobs(): JobEntry[] {
    return this.out.flatMap((ofLevel) => [...ofLevel].filter(({ standing }) => standing === 'sent'));
  }

  /** Whether a job that no other has to wait for may be sent. */
  hasRoom(level: Priority, size: number): boolean {
    return this.#level(level).sent < size;
  }

  /** Whether the next of the jobs that wait for room may be sent. */
  mayFill(level: Priority, size: number): boolean {
    const one = this.#level(level);
    if (one.sent >= size) one.isFull = true;
    else if (2 * one.sent <= size) one.isFull = false;
    return !one.isFull;
  }

  messageOut(entry: JobEntry): void {
    this.#levelOf(entry).out.add(entry);
  }

  messageUsed(entry: JobEntry): void {
    this.#levelOf(entry).out.delete(entry);
  }

  send(entry: JobEntry): void {
    const level = this.#levelOf(entry);
    level.sent += 1;
    this.#sent += 1;
    if (level.sent === 1) this.#windows.opened();
  }

  /** The job was sent, and is so no longer. */
  free(entry: JobEntry): void {
    const level = this.#levelOf(entry);
    level.sent -= 1;
    this.#sent -= 1;
    if (level.sent === 0) this.#windows.closed();
  }

  /** The shard ends. */
  stop(): void {
    for (const { sent } of this.#levels) if (sent > 0) this.#windows.closed();
  }

  #levelOf({ current: { spec } }: JobEntry): Level {
    return this.#level(spec.priority ?? defaultPriority);
  }

  #level(priority: Priority): Level {
    const level = this.#levels[priority];
    if (level === undefined) throw new Error(`no such level: ${priority}`);
    return level;
  }
}
