/**
 * Keeps every thread busy, so that a backlog starts to drain at a known instant. Jobs of `bench.hold` occupy the
 * threads until a file appears. A first, short round makes the node believe that jobs are long, so that it claims
 * nothing ahead while the second round holds.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventTally } from './event-tally.ts';
import { acceptedId, holdQueue, type Session } from './session.ts';

export interface BusyWorkers {
  /** Frees the threads. */
  release(): Promise<void>;
}

export interface BusyOptions {
  readonly threads: number;
  /** Folder for the files that release the jobs. */
  readonly folder: string;
}

const firstRoundMs = 500;
const startTimeoutMs = 30_000;
let rounds = 0;

export async function occupyWorkers(session: Session, options: BusyOptions): Promise<BusyWorkers> {
  const first = await hold(session, options);
  await sleep(firstRoundMs);
  await first.release();
  return hold(session, options);
}

async function hold({ client, nats }: Session, { threads, folder }: BusyOptions): Promise<BusyWorkers> {
  rounds += 1;
  const releasePath = join(folder, `release-${process.pid}-${rounds}`);
  const started = new EventTally({ connection: nats, queue: holdQueue, event: 'started' });
  await nats.flush();
  const draft = { handler: 'bench.hold', queue: holdQueue, input: { releasePath } };
  const outcomes = await client.submitMany(Array.from({ length: threads }, () => draft));
  outcomes.forEach(acceptedId);
  await started.reached(threads, startTimeoutMs);
  started.close();
  return { release: () => writeFile(releasePath, '') };
}
