// One queue has far more jobs than its windows or the stream of work have room for: other queues and all events go on.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { someAtOnce } from '../../src/domain/some-at-once.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { type CloudEventSeen, subscribeDurable } from '../support/cluster-events.ts';
import { History, readLedger } from '../support/cluster-history.ts';

/** `dev` has four shards, and each has a window of 32 for a queue that starts few jobs. */
const windowsOfQueue = 4 * 32;

let cluster: TestCluster;
let troupe: TroupeClient;
let connection: NatsConnection;
let manager: JetStreamManager;
let ledger: string;
let gate: string;

beforeEach(async () => {
  cluster = await startCluster();
  [ledger, gate] = [join(cluster.dir, 'runs.ledger'), join(cluster.dir, 'gate')];
  const node = await cluster.startNode('one', { settings: { 'workers.lookaheadMs': 0 } });
  troupe = node.client();
  connection = await connect({ servers: cluster.broker.url });
  manager = await jetstreamManager(connection);
  for (const name of ['flood', 'other']) await troupe.queues.create(name);
});
afterEach(async () => {
  await connection.close();
  await cluster.stop();
});

const workStream = (): string => `${cluster.root.toUpperCase()}_WORK`;

/** The stream takes no more messages than this. */
const limitWork = (messages: number) => manager.streams.update(workStream(), { max_msgs: messages });

/** Messages that the stream holds: all, and of each queue. */
async function held(): Promise<{ readonly all: number; of(queue: string): number }> {
  const { state } = await manager.streams.info(workStream(), { subjects_filter: '>' });
  const subjects = Object.entries(state.subjects ?? {});
  return {
    all: state.messages,
    of: (queue) =>
      subjects.reduce((sum, [subject, count]) => sum + (subject.split('.').includes(queue) ? count : 0), 0),
  };
}

/** Both threads are busy until the gate opens. */
async function holdThreads(): Promise<void> {
  for (const n of [1, 2]) {
    const { jobId } = await troupe.submit('test.hold', { gate, ledger: join(cluster.dir, `held-${n}`) });
    await cluster.waitFor('it holds its thread', async () => (await troupe.get(jobId)).progress !== undefined, 30_000);
  }
}

async function submitTo(queue: string, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let from = 0; from < count; from += 250) {
    const drafts = Array.from({ length: Math.min(250, count - from) }, (_, n) => ({
      handler: 'test.work',
      queue,
      input: { n: from + n, ms: 3, ledger },
      idempotencyKey: `${queue}-${from + n}`,
    }));
    for (const outcome of await troupe.submitMany(drafts)) {
      if ('error' in outcome) throw outcome.error;
      ids.push(outcome.ok.jobId);
    }
  }
  return ids;
}

/** All jobs end well. What was observed of them is checked against each other. */
async function allEnd(ids: readonly string[], events?: readonly CloudEventSeen[]): Promise<void> {
  const history = new History();
  await someAtOnce(ids, 20, async (id) => {
    history.accepted(id, id);
    const job = await troupe.wait(id, { signal: AbortSignal.timeout(120_000) });
    history.saw('final', job);
    expect(job.state).toBe('SUCCEEDED');
  });
  const ofThese = events?.filter(({ jobId }) => ids.includes(jobId));
  expect(history.check({ executions: readLedger(ledger), ...(ofThese && { events: ofThese }) })).toEqual([]);
}

describe('a queue with very many waiting jobs', () => {
  it('takes no more of the stream of work than its windows, and another queue goes on beside it', async () => {
    await limitWork(windowsOfQueue + 30);
    await holdThreads();
    const flood = await submitTo('flood', 1_000);
    await cluster.waitFor('its windows are full', async () => (await held()).of('flood') === windowsOfQueue, 30_000);
    const other = await submitTo('other', 20);
    await cluster.waitFor('every message of the other is out', async () => (await held()).of('other') === 20, 30_000);
    expect((await held()).of('flood')).toBe(windowsOfQueue);
    // Windows grow with the rate of starts.
    await limitWork(2_000_000);
    writeFileSync(gate, '');
    await allEnd([...other, ...flood]);
    const starts = readLedger(ledger).filter(({ what }) => what === 'start');
    const lastOfOther = starts.findLastIndex(({ jobId }) => other.includes(jobId));
    expect(lastOfOther).toBeLessThan(starts.length / 2);
  });

  it('keeps no event waiting when the stream of work is full, and no job is lost', async () => {
    const events = await subscribeDurable(cluster.broker.url, cluster.root, 'auditor');
    const areTold = (ids: readonly string[], type: string): boolean => {
      const told = new Set(events.events.filter((event) => event.type === type).map(({ jobId }) => jobId));
      return ids.every((id) => told.has(id));
    };
    const room = 40;
    await limitWork(room);
    await holdThreads();
    const flood = await submitTo('flood', 200);
    await cluster.waitFor('the stream is full', async () => (await held()).all === room, 30_000);
    const other = await submitTo('other', 20);
    await cluster.waitFor('all are told as queued', () => areTold([...flood, ...other], 'queued'), 60_000);
    const unwanted = [flood.at(-1) ?? '', other.at(-1) ?? ''];
    for (const id of unwanted) await troupe.cancel(id);
    await cluster.waitFor('both are told as cancelled', () => areTold(unwanted, 'cancelled'), 30_000);
    // All that while the stream took nothing.
    expect((await held()).all).toBe(room);
    writeFileSync(gate, '');
    const wanted = [...other, ...flood].filter((id) => !unwanted.includes(id));
    await cluster.waitFor('every end is told', () => areTold(wanted, 'succeeded'), 120_000);
    await allEnd(wanted, events.events);
    await events.close();
  });
});
