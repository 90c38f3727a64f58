/**
 * Measures a store alone, through its adapter: conditional group commits of new records like those of W1. Groups of 50
 * have one owner; groups of 200 have one owner, or four at once (the shards of `troupe dev`). It also measures the
 * latency of a commit of one record on an idle store.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobRecord } from '../../src/domain/job.ts';
import { bucketMs, createJobIdGenerator } from '../../src/domain/job-id.ts';
import { defaultQueueSettings } from '../../src/domain/queue.ts';
import { acceptJob } from '../../src/domain/transitions.ts';
import type { Store } from '../../src/application/ports/store.ts';
import { type Percentiles, percentilesOf, ratesOf, type Sample } from '../harness/statistics.ts';
import { openStoreAt, type StoreAddress } from '../harness/store-handle.ts';
import { serveTask } from '../harness/task.ts';

export interface StoreCommitInput {
  readonly address: StoreAddress;
  readonly rows: number;
  readonly idleCommits: number;
  readonly runs: number;
}

export interface StoreCommitLimits {
  /** Rows per second. */
  readonly groupsOf50: Sample;
  readonly groupsOf200: Sample;
  readonly groupsOf200ByFour: Sample;
  /** Latency in ms. */
  readonly idleCommitMs: Percentiles;
}

const idlePauseMs = 5;
const input = JSON.stringify({ text: 'x'.repeat(289) });

/** The owner of one shard, reduced to its commits. */
class Committer {
  readonly #store: Store;
  readonly #shard: number;
  readonly #nextId: ReturnType<typeof createJobIdGenerator>;
  #epoch = 0;
  #bucket = 0;
  #commits = 0;

  constructor(store: Store, shard: number) {
    this.#store = store;
    this.#shard = shard;
    // All records are in one minute, as if it had begun now, because opening the next partition is not to be measured.
    const startedAtMs = Date.now();
    this.#bucket = Math.floor(startedAtMs / bucketMs);
    const nowMs = (): number => this.#bucket * bucketMs + (Date.now() - startedAtMs);
    this.#nextId = createJobIdGenerator({ shard, nowMs, random: Math.random });
  }

  async open(): Promise<void> {
    const { epoch } = await this.#store.jobs.takeShard(this.#shard, 'bench');
    const opened = await this.#store.jobs.openBucket({ shard: this.#shard, bucket: this.#bucket }, epoch);
    if (opened.kind === 'deposed') throw new Error('somebody else owns the shard');
    this.#epoch = epoch;
    this.#commits = opened.commits;
  }

  async commit(rows: number): Promise<void> {
    const outcome = await this.#store.jobs.commit({
      partition: { shard: this.#shard, bucket: this.#bucket },
      epoch: this.#epoch,
      commits: this.#commits,
      records: Array.from({ length: rows }, () => this.#record()),
    });
    if (outcome !== 'applied') throw new Error(outcome);
    this.#commits += 1;
  }

  #record(): JobRecord {
    const id = this.#nextId(7);
    const spec = {
      tenant: 'default',
      queue: 'bench',
      queueNo: 7,
      handler: 'bench.noop',
      input: { kind: 'json', json: input } as const,
      ...defaultQueueSettings,
    };
    return acceptJob({ id, spec, nowMs: Date.now() });
  }
}

async function idleCommits(committer: Committer, count: number): Promise<Percentiles> {
  const tookMs: number[] = [];
  for (let index = 0; index < count; index += 1) {
    await sleep(idlePauseMs);
    const startedMs = performance.now();
    await committer.commit(1);
    tookMs.push(performance.now() - startedMs);
  }
  return percentilesOf(tookMs);
}

async function measure({ address, rows, idleCommits: idleCount, runs }: StoreCommitInput): Promise<StoreCommitLimits> {
  const store = await openStoreAt(address);
  try {
    const owners = [1, 2, 3, 4].map((shard) => new Committer(store, shard));
    for (const owner of owners) await owner.open();
    const [first] = owners;
    if (first === undefined) throw new Error('no owner');
    const inTurn = async (owner: Committer, total: number, size: number): Promise<void> => {
      for (let done = 0; done < total; done += size) await owner.commit(size);
    };
    return {
      groupsOf50: await ratesOf(runs, rows, () => inTurn(first, rows, 50)),
      groupsOf200: await ratesOf(runs, rows, () => inTurn(first, rows, 200)),
      groupsOf200ByFour: await ratesOf(runs, rows, async () => {
        await Promise.all(owners.map((owner) => inTurn(owner, rows / owners.length, 200)));
      }),
      idleCommitMs: await idleCommits(first, idleCount),
    };
  } finally {
    await store.close();
  }
}

serveTask(measure);
