// Reading all of a log: each attempt at one moment, so that it ends and is bounded, however much is said meanwhile.
import { expect, it } from 'vitest';
import { ShardLogs } from '../../../../src/actors/shard/core/shard-logs.ts';
import { LogCursor, type LogParts, logStart } from '../../../../src/application/jobs/read-log.ts';
import type { ReadLogItem } from '../../../../src/application/ports/shard-protocol.ts';
import type { ShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import type { JobRecord } from '../../../../src/domain/job.ts';
import { JobLog, type LogLine, type LogPosition, type StoredLog } from '../../../../src/domain/job-log.ts';
import { mayEverything } from '../../../support/callers.ts';
import { testRecord } from '../../../support/jobs.ts';

const attemptBytesMax = 64 * 1_024;
const asksMax = 100;
const record = testRecord();

/** A shard, its running attempts, and what happens just before each ask. */
function setUp(meanwhile: (ask: number) => void) {
  const running = new ShardLogs();
  const ended: StoredLog[] = [];
  let isForgetful = false;
  const logs = new Map<number, JobLog>();
  let asks = 0;
  const call = async (_shard: number, _verb: string, { jobId, seen }: ReadLogItem) => {
    asks += 1;
    if (asks > asksMax) throw new Error('it asks and asks');
    meanwhile(asks);
    return { stored: isForgetful ? [] : [...ended], lines: running.read(jobId, seen) };
  };
  return {
    /** `count` lines of the largest size. */
    say(attempt: number, count: number): void {
      const log = logs.get(attempt) ?? new JobLog();
      logs.set(attempt, log);
      for (let at = 0; at < count; at += 1) {
        const line: LogLine = { attempt, number: log.through + 1, atMs: 1, level: 'info', text: 'x'.repeat(2_000) };
        log.add(line);
        running.add(record.id, attempt, line.number - 1, [line]);
      }
    },
    end(attempt: number): void {
      const json = JSON.stringify(logs.get(attempt)?.after(0));
      ended.push({ attempt, payload: { kind: 'json', json } });
      running.landed({ ...record, logs: ended });
    },
    cursor: (seen: LogPosition = logStart): LogCursor => {
      const clock = { nowMs: () => 1_000 };
      const parts = { batcher: { call } as unknown as ShardBatcher, clock } as LogParts;
      return new LogCursor(
        {
          ...parts,
          context: { tenant: 'default', principal: mayEverything, requestId: 'r1', reserve: () => undefined },
        },
        record,
        seen,
      );
    },
    /** From now on a former owner answers. Returns the record of the job as the present one has it. */
    forget(): JobRecord {
      isForgetful = true;
      return { ...record, logs: [...ended] };
    },
    kept: (attempt: number): readonly LogLine[] => logs.get(attempt)?.after(0) ?? [],
    asks: () => asks,
  };
}

const bytesOf = (lines: readonly LogLine[]): number => lines.reduce((sum, { text }) => sum + text.length, 0);
const namesOf = (lines: readonly LogLine[]): string[] => lines.map(({ attempt, number }) => `${attempt}.${number}`);

it('ends, within the bound of an attempt, though the attempt says more than that between any two asks', async () => {
  const shard = setUp((ask) => {
    shard.say(1, ask === 1 ? 40 : 5);
  });
  const { lines, skipped } = await shard.cursor().rest(record);
  expect(bytesOf(lines)).toBeLessThanOrEqual(attemptBytesMax);
  expect([lines[0]?.number, lines.at(-1)?.number, lines.length + skipped]).toEqual([1, 40, 40]);
  expect(shard.asks()).toBe(2);
});

it('has every attempt once, each as it is at one moment', async () => {
  const shard = setUp((ask) => {
    if (ask === 1) for (const attempt of [2, 3]) shard.say(attempt, 20);
    else shard.say(3, 15);
  });
  shard.say(1, 30);
  shard.end(1);
  const { lines, skipped } = await shard.cursor().rest(record);
  const attempts = Map.groupBy(lines, ({ attempt }) => attempt);
  expect([...attempts.keys()]).toEqual([1, 2, 3]);
  for (const said of attempts.values()) expect(bytesOf(said)).toBeLessThanOrEqual(attemptBytesMax);
  expect(lines.length + skipped).toBe(30 + 20 + 35);
});

it('has an attempt as it was stored when it ends meanwhile', async () => {
  const shard = setUp((ask) => {
    if (ask !== 2) return;
    shard.say(1, 30);
    shard.end(1);
    shard.say(2, 1);
  });
  shard.say(1, 40);
  const cursor = shard.cursor();
  const { lines, skipped } = await cursor.rest(record);
  expect(namesOf(lines)).toEqual(namesOf([...shard.kept(1), ...shard.kept(2)]));
  expect(lines.length + skipped).toBe(71);
  expect(cursor.seen).toEqual({ attempt: 2, number: 1 });
});

it('goes on after what was seen, and has what a dead node left of an attempt before those that are stored', async () => {
  const shard = setUp(() => undefined);
  shard.say(1, 3);
  shard.say(2, 3);
  shard.end(2);
  expect(namesOf((await shard.cursor().rest(record)).lines)).toEqual(['1.1', '1.2', '1.3', '2.1', '2.2', '2.3']);
  expect(namesOf((await shard.cursor({ attempt: 1, number: 2 }).rest(record)).lines)).toEqual([
    '1.3',
    '2.1',
    '2.2',
    '2.3',
  ]);
  const later = shard.cursor({ attempt: 2, number: 2 });
  expect(namesOf((await later.rest(record)).lines)).toEqual(['2.3']);
  expect(await later.rest(record)).toEqual({ lines: [], skipped: 0 });
});

it('has what the record says was stored, though a former owner answers that does not know of it', async () => {
  const shard = setUp(() => undefined);
  shard.say(1, 3);
  shard.end(1);
  const cursor = shard.cursor({ attempt: 1, number: 1 });
  const ended = shard.forget();
  expect(namesOf((await cursor.rest(ended)).lines)).toEqual(['1.2', '1.3']);
  expect(await cursor.rest(ended)).toEqual({ lines: [], skipped: 0 });
});
