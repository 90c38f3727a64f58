/** Looks at all jobs of a shard, which find the unfinished jobs of quiet minutes: their turns, bounds and ends. */
import { beforeEach, expect, it } from 'vitest';
import { UnfinishedLists } from '../../../../../src/actors/shard/commit/unfinished-lists.ts';
import { JobMemory } from '../../../../../src/actors/shard/table/job-memory.ts';
import { JobTable } from '../../../../../src/actors/shard/table/job-table.ts';
import type { ShardMessage } from '../../../../../src/actors/shard/services/shard-message.ts';
import { unfinishedListMax } from '../../../../../src/application/ports/job-store.ts';
import { briefOf } from '../../../../../src/domain/job-brief.ts';
import type { JobRecord } from '../../../../../src/domain/job.ts';
import { bucketMs } from '../../../../../src/domain/job-id.ts';
import { createTestKit, type TestKit } from '../../../../../src/kernel/testkit/index.ts';
import { testRecord } from '../../../../support/jobs.ts';
import { silentLog } from '../../../../support/stores.ts';

const firstBucket = 28_000_000;

let kit: TestKit;
let table: JobTable;
/** The number of commits of each minute. */
let commits: Map<number, number>;
/** How many jobs the list of each minute has, by the tick in which it was written. */
let written: Map<number, number>[];
let lists: UnfinishedLists;
let made: bigint;

beforeEach(() => {
  kit = createTestKit();
  table = new JobTable({ shard: 0, recentMax: 0, memory: new JobMemory(Infinity, kit.telemetry) });
  commits = new Map();
  written = [];
  made = 0n;
  const answer = (message: ShardMessage): void => {
    if (message.kind === 'answered') message.handle();
  };
  lists = new UnfinishedLists({
    shard: 0,
    context: {
      clock: kit.clock,
      log: silentLog,
      pipeToSelf(promise, toMessage) {
        void promise.then((value) => answer(toMessage({ status: 'fulfilled', value })));
      },
    },
    services: {
      store: {
        listUnfinished({ bucket }, { ids }) {
          written.at(-1)?.set(bucket, ids.length);
          return Promise.resolve();
        },
      },
      limits: { listQuietMs: 0 },
    },
    partitions: {
      *someSettled() {
        for (const [bucket, count] of commits) yield { bucket, commits: count };
      },
      settledCommits: (bucket) => commits.get(bucket),
    },
    table,
    owes: () => false,
  });
});

function job(bucket: number): JobRecord {
  made += 1n;
  return testRecord({}, { nowMs: bucket * bucketMs, unique: made });
}

function addJobs(bucket: number, count: number, kind: 'warm' | 'cold'): void {
  for (let left = count; left > 0; left -= 1) {
    if (kind === 'cold') table.addCold(briefOf(job(bucket)));
    else table.add(job(bucket), { durable: true, publishedSeq: 1, nowMs: 0 });
  }
}

function commit(bucket: number): void {
  commits.set(bucket, (commits.get(bucket) ?? 0) + 1);
}

async function tick(): Promise<void> {
  written.push(new Map());
  lists.tick();
  await kit.settle();
}

it('minutes that change during each look do not keep the others from being listed', async () => {
  const busy = Array.from({ length: 100 }, (_, no) => firstBucket + no);
  const quiet = firstBucket + 100;
  for (const bucket of [...busy, quiet]) {
    addJobs(bucket, 100, 'warm');
    commit(bucket);
  }
  for (let ticks = 0; ticks < 20; ticks += 1) {
    await tick();
    for (const bucket of busy) commit(bucket);
  }
  expect(written.flatMap((some) => [...some])).toEqual([[quiet, 100]]);
});

it('a look gathers a bounded number of ids, and the next ones have their turn', async () => {
  const buckets = Array.from({ length: 25 }, (_, no) => firstBucket + no);
  for (const bucket of buckets) {
    addJobs(bucket, unfinishedListMax, 'warm');
    commit(bucket);
  }
  for (let ticks = 0; ticks < 30; ticks += 1) await tick();
  const sizes = written.map(({ size }) => size).filter((size) => size > 0);
  expect(sizes).toEqual([10, 10, 5]);
  expect(new Set(written.flatMap((some) => [...some.keys()]))).toEqual(new Set(buckets));
});

it('a look finds the warm jobs, too, while cold ones come as fast as it goes', async () => {
  const [busy, quiet] = [firstBucket, firstBucket + 1];
  addJobs(busy, 6_000, 'cold');
  addJobs(quiet, 10, 'warm');
  commit(quiet);
  for (let ticks = 0; ticks < 10 && !written.at(-1)?.has(quiet); ticks += 1) {
    await tick();
    addJobs(busy, 2_000, 'cold');
  }
  expect(written.at(-1)?.get(quiet)).toBe(10);
});

it('a look ends while warm jobs come faster than it goes', async () => {
  const [busy, quiet] = [firstBucket, firstBucket + 1];
  addJobs(quiet, 10, 'warm');
  commit(quiet);
  addJobs(busy, 6_000, 'warm');
  for (let ticks = 0; ticks < 3; ticks += 1) {
    await tick();
    addJobs(busy, 6_000, 'warm');
  }
  expect(written.some((some) => some.get(quiet) === 10)).toBe(true);
});
