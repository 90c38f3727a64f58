/** The parts of the Cassandra adapter that need no Cassandra: write timestamps, lifetimes, limits, foreign errors. */
import { errors, types } from 'cassandra-driver';
import { describe, expect, it } from 'vitest';
import { translateCassandraError } from '../../../../src/adapters/cassandra/cassandra-error.ts';
import { createInFlightLimit, forEachBounded } from '../../../../src/adapters/cassandra/in-flight-limit.ts';
import { warnAboutSettings } from '../../../../src/adapters/cassandra/ring-settings.ts';
import {
  createPartitionExpiries,
  fenceTtlSeconds,
  ttlSeconds,
} from '../../../../src/adapters/cassandra/time-to-live.ts';
import { createWriteTimestamps } from '../../../../src/adapters/cassandra/write-timestamps.ts';
import type { Clock, Logger } from '../../../../src/application/ports/runtime.ts';
import type { TroupeError } from '../../../../src/domain/errors.ts';
import { realClock, silentLog } from '../../../support/stores.ts';

function clockAt(time: { ms: number }): Clock {
  return { ...realClock, monotonicMs: () => time.ms };
}

describe('write timestamps', () => {
  it('grow within an epoch, faster than time if need be', () => {
    const time = { ms: 1_000 };
    const next = createWriteTimestamps(clockAt(time));
    const first = next(1, 5);
    const seen = [first, next(1, 5), next(1, 5)];
    time.ms += 100;
    const later = next(1, 5);
    seen.push(later, next(1, 5));
    expect(seen).toEqual(seen.toSorted((a, b) => Number(a - b)));
    expect(new Set(seen).size).toBe(5);
    expect(later - first).toBe(100n);
  });

  it('of a later epoch beat all of an earlier one, whoever has owned the shard for however long', () => {
    const old = { ms: 0 };
    const oldOwner = createWriteTimestamps(clockAt(old));
    oldOwner(1, 5);
    old.ms = 2 * 365 * 24 * 3_600_000;
    expect(createWriteTimestamps(clockAt({ ms: 0 }))(1, 6)).toBeGreaterThan(oldOwner(1, 5));
  });

  it('of an epoch that the process itself left behind lose against its new ones', () => {
    const next = createWriteTimestamps(clockAt({ ms: 0 }));
    next(1, 5);
    const present = next(1, 6);
    expect(next(1, 5)).toBeLessThan(present);
    expect(next(1, 6)).toBeGreaterThan(present);
    expect(next(2, 1)).toBeLessThan(present);
  });
});

describe('lifetimes', () => {
  it('are never too short, never for ever, and bounded', () => {
    expect(ttlSeconds(10_001, 0)).toBe(12);
    expect(ttlSeconds(0, 50_000)).toBe(1);
    expect(ttlSeconds(Number.MAX_SAFE_INTEGER, 0)).toBe(405 * 86_400);
    expect(fenceTtlSeconds(0, 1_000_000)).toBeGreaterThanOrEqual(86_400);
  });

  it('of a fence never shrink with a later, shorter-lived group, and are the longest when unknown', () => {
    const expiries = createPartitionExpiries();
    const partition = { shard: 1, bucket: 2 };
    expect(expiries.raised(partition, 5, 0)).toBe(403 * 86_400_000);
    expiries.remember(partition, 1_000);
    expect(expiries.raised(partition, 500, 0)).toBe(1_000);
    expect(expiries.raised(partition, 2_000, 0)).toBe(2_000);
  });
});

describe('the limit of requests in flight', () => {
  it('lets so many run, so many wait, refuses more, and hands a place on', async () => {
    const limit = createInFlightLimit({ inFlightMax: 2, waitingMax: 1 });
    const finish: (() => void)[] = [];
    const work = () => new Promise<void>((resolve) => finish.push(resolve));
    const running = [limit.run(work), limit.run(work), limit.run(work)];
    await expect(limit.run(work)).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(finish).toHaveLength(2);
    finish[0]?.();
    await running[0];
    await expect.poll(() => finish.length).toBe(3);
    finish[1]?.();
    finish[2]?.();
    await Promise.all(running);
    await expect(limit.run(() => Promise.reject(new Error('work failed')))).rejects.toThrow('work failed');
    await limit.run(async () => undefined);
  });

  it('holds for a list, and the first failure comes out when nothing runs any more', async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    const work = async (n: number): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (n === 3) throw new Error('three');
      done.push(n);
    };
    await forEachBounded([1, 2, 4, 5, 6], 2, work);
    expect([most, done]).toEqual([2, [1, 2, 4, 5, 6]]);
    await expect(forEachBounded([3, 7, 8], 2, work)).rejects.toThrow('three');
    expect(running).toBe(0);
  });
});

describe('an error of the driver', () => {
  const code = (error: unknown, mode: 'conditional' | 'write'): string =>
    (translateCassandraError(error, mode) as TroupeError).code;
  const response = (name: keyof typeof types.responseErrorCodes): Error =>
    new errors.ResponseError(types.responseErrorCodes[name], 'said the server');
  const socket = (requestNotWritten: boolean): Error =>
    Object.assign(new Error('closed'), { isSocketError: true, requestNotWritten });

  it.each([
    ['a write timeout', response('writeTimeout'), 'OUTCOME_UNKNOWN'],
    ['a write failure', response('writeFailure'), 'OUTCOME_UNKNOWN'],
    ['a server error', response('serverError'), 'OUTCOME_UNKNOWN'],
    ['silence', new errors.OperationTimedOutError('silence', 'host'), 'OUTCOME_UNKNOWN'],
    ['a broken connection', socket(false), 'OUTCOME_UNKNOWN'],
    ['no host, after one timed out', noHost(new errors.OperationTimedOutError('silence', 'host')), 'OUTCOME_UNKNOWN'],
    ['too few replicas', response('unavailableException'), 'STORE_UNAVAILABLE'],
    ['an overloaded server', response('overloaded'), 'STORE_UNAVAILABLE'],
    ['a connection that broke before', socket(true), 'STORE_UNAVAILABLE'],
    ['no host at all', noHost(), 'STORE_UNAVAILABLE'],
    ['a statement that is wrong', response('syntaxError'), 'INTERNAL_ERROR'],
  ])('%s after a conditional write', (_name, error, expected) => {
    expect(code(error, 'conditional')).toBe(expected);
  });

  it('after any other statement is never an unknown outcome: it can be sent again', () => {
    expect(code(response('writeTimeout'), 'write')).toBe('STORE_UNAVAILABLE');
    expect(code(socket(false), 'write')).toBe('STORE_UNAVAILABLE');
  });

  function noHost(inner?: Error): Error {
    return new errors.NoHostAvailableError(inner === undefined ? {} : { 'host:1': inner });
  }
});

describe('settings of a ring', () => {
  const warningsOn = async (settings: Readonly<Record<string, string>>): Promise<unknown[]> => {
    const warned: unknown[] = [];
    const log: Logger = { ...silentLog, warn: (fields) => warned.push(fields['setting']) };
    const rows = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await warnAboutSettings({ rows: async () => rows as never }, log);
    return warned;
  };

  it('that cost speed or truth are named', async () => {
    const good = { paxos_variant: 'v2', user_timestamps_enabled: 'true', commitlog_sync: 'group' };
    expect(await warningsOn(good)).toEqual([]);
    const bad = { paxos_variant: 'v1', user_timestamps_enabled: 'false', commitlog_sync: 'periodic' };
    expect(await warningsOn(bad)).toEqual(Object.keys(bad));
  });
});
