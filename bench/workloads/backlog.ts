/**
 * W1, W2, W3: a backlog of no-op jobs is submitted while all threads are busy (W1: singly by concurrent callers; W2: in
 * batches). Then the threads are released, and the backlog drains (W3) until the last job is recorded.
 */
import { randomUUID } from 'node:crypto';
import type { JobOptions } from '../../src/client/index.ts';
import { inFlight } from '../harness/statistics.ts';
import { serveTask } from '../harness/task.ts';
import { occupyWorkers } from './busy-workers.ts';
import { type CpuCost, withCpuCost } from './cpu-cost.ts';
import { EventTally } from './event-tally.ts';
import { acceptedId, benchQueue, inSession, payload, type Session, type Target } from './session.ts';

/** Which keys the jobs have. With `idempotency` and `unique`, each job has a different key. */
export type KeyKind = 'none' | 'idempotency' | 'unique' | 'window';

/** Window of the unique keys. */
const windowMs = 3_600_000;

export interface BacklogInput extends Target {
  readonly jobs: number;
  /** Jobs per call of the load generator. 1 for W1. */
  readonly batch: number;
  readonly callers: number;
  /** The keys of the jobs, which W7 compares. */
  readonly keys: KeyKind;
  readonly threads: number;
  /** Pid of the system, to measure its CPU time. */
  readonly systemPid: number;
  readonly folder: string;
}

export interface BacklogResult {
  readonly submittedPerSecond: number;
  readonly drainedPerSecond: number;
  readonly submitCost: CpuCost;
  readonly drainCost: CpuCost;
}

const drainTimeoutMs = 300_000;

function keyOf(kind: KeyKind): Partial<JobOptions> {
  const key = randomUUID();
  switch (kind) {
    case 'none':
      return {};
    case 'idempotency':
      return { idempotencyKey: key };
    case 'unique':
      return { uniqueKey: key };
    case 'window':
      return { uniqueKey: key, uniqueWindowMs: windowMs };
  }
}

async function submitAll({ client }: Session, { jobs, batch, callers, keys }: BacklogInput): Promise<Set<string>> {
  const ids = new Set<string>();
  const draft = { handler: 'bench.noop', queue: benchQueue, input: payload };
  await inFlight(Math.ceil(jobs / batch), callers, async () => {
    if (batch === 1) {
      ids.add((await client.submit('bench.noop', payload, { queue: benchQueue, ...keyOf(keys) })).jobId);
      return;
    }
    for (const outcome of await client.submitMany(
      Array.from({ length: batch }, () => ({ ...draft, ...keyOf(keys) })),
    )) {
      ids.add(acceptedId(outcome));
    }
  });
  return ids;
}

async function run(input: BacklogInput): Promise<BacklogResult> {
  return inSession(input, async (session) => {
    const recorded = new EventTally({ connection: session.nats, queue: benchQueue, event: 'succeeded' });
    const workers = await occupyWorkers(session, input);

    const submitted = await withCpuCost(input.systemPid, input.jobs, () => submitAll(session, input));
    const ids = submitted.result;

    if (recorded.count > 0) throw new Error('jobs ran while all threads were held');
    const drained = await withCpuCost(input.systemPid, ids.size, async () => {
      await workers.release();
      await recorded.reached(ids.size, drainTimeoutMs);
    });

    const lost = [...ids].filter((id) => !recorded.has(id));
    if (lost.length > 0) throw new Error(`${lost.length} accepted jobs did not finish, e.g. ${String(lost[0])}`);
    return {
      submittedPerSecond: (ids.size * 1_000) / submitted.tookMs,
      drainedPerSecond: (ids.size * 1_000) / drained.tookMs,
      submitCost: submitted.cpu,
      drainCost: drained.cpu,
    };
  });
}

serveTask(run);
