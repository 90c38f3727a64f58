/** What a process says of its queues: sums over its shards, and nothing of a shard that it no longer owns. */
import { describe, expect, it } from 'vitest';
import { QueueGauges, queuesMax, type CountedQueue } from '../../../../../src/actors/shard/services/queue-gauges.ts';
import { createPrometheusTelemetry } from '../../../../../src/adapters/telemetry/prometheus.ts';

const load = (more: Partial<CountedQueue> = {}): CountedQueue => ({
  tenant: 't',
  queue: 'q',
  waitingCount: 0,
  laterCount: 0,
  runningCount: 0,
  openBytes: 0,
  oldestReadyAtMs: undefined,
  ...more,
});

function setUp() {
  const telemetry = createPrometheusTelemetry();
  const gauges = new QueueGauges(telemetry);
  const at = (ms: number) => ({ nowMs: 1_000_000 + ms, monotonicMs: ms });
  /** Value by what is inside the braces. */
  const told = async (name: string): Promise<Record<string, number>> => {
    const lines = (await telemetry.metricsText()).split('\n').filter((line) => line.startsWith(`${name}{`));
    return Object.fromEntries(lines.map((line) => [/\{(.*)\}/.exec(line)?.[1] ?? '', Number(line.split(' ').at(-1))]));
  };
  return { gauges, at, told };
}

describe('the gauges of queues', () => {
  it('add up what the shards of the process know, and go back when one goes or a queue is empty', async () => {
    const { gauges, at, told } = setUp();
    gauges.tell(1, [load({ waitingCount: 2, openBytes: 10, oldestReadyAtMs: 999_000 })], at(0));
    gauges.tell(2, [load({ waitingCount: 3, laterCount: 4, runningCount: 5, oldestReadyAtMs: 998_000 })], at(1));
    gauges.tell(1, [load({ waitingCount: 2, openBytes: 10, oldestReadyAtMs: 999_000 })], at(1_000));
    const q = 'tenant="t",queue="q"';
    expect(await told('troupe_queue_jobs')).toEqual({
      [`${q},standing="waiting"`]: 5,
      [`${q},standing="later"`]: 4,
      [`${q},standing="running"`]: 5,
    });
    expect(await told('troupe_queue_open_bytes')).toEqual({ [q]: 10 });
    expect(await told('troupe_queue_oldest_wait_seconds')).toEqual({ [q]: 3 });
    gauges.forget(2, at(1_000).nowMs);
    expect(await told('troupe_queue_oldest_wait_seconds')).toEqual({ [q]: 2 });
    gauges.tell(1, [], at(2_000));
    expect(Object.values(await told('troupe_queue_jobs'))).toEqual([0, 0, 0]);
    expect(await told('troupe_queue_oldest_wait_seconds')).toEqual({ [q]: 0 });
  });

  it('are told less often when there are very many queues', async () => {
    const { gauges, at, told } = setUp();
    const many = Array.from({ length: 5_000 }, () => ({ ...load(), openBytes: 0 }));
    gauges.tell(1, many, at(0));
    for (const one of many) one.openBytes = 1;
    gauges.tell(1, many, at(4_999));
    expect(await told('troupe_queue_open_bytes')).toEqual({ 'tenant="t",queue="q"': 0 });
    gauges.tell(1, many, at(5_000));
    expect(await told('troupe_queue_open_bytes')).toEqual({ 'tenant="t",queue="q"': 5_000 });
  });

  it('are of a bounded number of queues', async () => {
    const { gauges, at, told } = setUp();
    const loads = Array.from({ length: queuesMax + 5 }, (_, n) => load({ queue: `q${n}`, waitingCount: 1 }));
    gauges.tell(1, loads, at(0));
    expect(Object.keys(await told('troupe_queue_open_bytes'))).toHaveLength(queuesMax);
  });

  it('of queues that no shard has any more make room for those that come', async () => {
    const { gauges, at, told } = setUp();
    const loads = Array.from({ length: queuesMax }, (_, n) => load({ queue: `q${n}`, waitingCount: 1 }));
    gauges.tell(1, loads, at(0));
    const later = [...loads.slice(1), load({ queue: 'new', waitingCount: 7 })];
    gauges.tell(1, later, at(2_000));
    gauges.tell(1, later, at(4_000));
    const jobs = await told('troupe_queue_jobs');
    expect(Object.keys(jobs)).toHaveLength(3 * queuesMax);
    expect(jobs).toHaveProperty('tenant="t",queue="new",standing="waiting"', 7);
    expect(jobs).not.toHaveProperty('tenant="t",queue="q0",standing="waiting"');
  });
});
