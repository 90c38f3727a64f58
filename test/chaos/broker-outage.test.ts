// NATS is killed, frozen, wiped while two nodes are busy: what was accepted ends, once.
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { subscribeDurable } from '../support/cluster-events.ts';
import { History, readLedger } from '../support/cluster-history.ts';
import { type Load, startLoad } from '../support/cluster-load.ts';

/** What a caller may meet while NATS is away; each may be repeated. */
const outageCodes = [
  'BROKER_UNAVAILABLE',
  'SHARD_UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'CALL_DEADLINE_EXCEEDED',
  'GATEWAY_UNAVAILABLE',
  'OVERLOADED',
];

let cluster: TestCluster;
let clients: readonly TroupeClient[];
let history: History;
let ledger: string;
let load: Load;

beforeEach(async () => {
  cluster = await startCluster();
  const a = await cluster.startNode('a');
  const b = await cluster.startNode('b');
  clients = [a.client(), b.client()];
  history = new History();
  ledger = join(cluster.dir, 'runs.ledger');
  load = startLoad({
    clients: [a, b].map((node) => node.client({ retry: { maxAttempts: 1 } })),
    history,
    lanes: 4,
    gapMs: 15,
    watchEvery: 7,
    draft: (n) => ({ handler: 'test.work', input: { n, ms: 5, ledger } }),
  });
});
afterEach(async () => {
  await load.stop();
  await cluster.stop();
});

const accepted = (more: number): Promise<boolean> => {
  const goal = load.accepted + more;
  return cluster.waitFor(`${more} more jobs are accepted`, () => load.accepted >= goal, 30_000);
};

async function everythingEnds(): Promise<void> {
  await load.stop();
  const jobs = await load.settle(clients, 60_000);
  expect(jobs.filter(({ state }) => state !== 'SUCCEEDED')).toEqual([]);
  expect(load.surprises).toEqual([]);
  expect([...load.refusals.keys()].filter((code) => !outageCodes.includes(code))).toEqual([]);
  process.stderr.write(`measured: ${load.accepted} jobs, refusals ${JSON.stringify([...load.refusals])}\n`);
}

describe('NATS', () => {
  it('is killed and started again under load: no accepted job is lost, each ends once, a durable subscriber misses nothing', async () => {
    const events = await subscribeDurable(cluster.broker.url, cluster.root, 'auditor');
    await accepted(60);
    await cluster.killNats();
    const during = load.accepted;
    await cluster.waitFor('callers notice', () => load.refusals.size > 0, 30_000);
    // Longer than a lease: ownership runs out as well.
    const awayMs = 7_000;
    const untilMs = performance.now() + awayMs;
    await cluster.waitFor('a lease has run out', () => performance.now() > untilMs, awayMs + 1_000);
    const acceptedAway = load.accepted - during;
    await cluster.restartNats();
    const backMs = performance.now();
    await accepted(60);
    process.stderr.write(
      `measured: ${acceptedAway} accepted while away, serving again ${Math.round(performance.now() - backMs)} ms after\n`,
    );
    await everythingEnds();
    await cluster.waitFor(
      'every last event',
      () => [...history.acked.keys()].every((id) => events.ofJob(id).some(({ type }) => type === 'succeeded')),
      30_000,
    );
    expect(history.check({ events: events.events, executions: readLedger(ledger) })).toEqual([]);
    await events.close();
  });

  it('stalls and goes on: the same', async () => {
    const events = await subscribeDurable(cluster.broker.url, cluster.root, 'auditor');
    await accepted(40);
    await cluster.freezeNats();
    await cluster.waitFor('callers notice', () => load.refusals.size > 0, 30_000);
    cluster.thawNats();
    await accepted(40);
    await everythingEnds();
    await cluster.waitFor(
      'every last event',
      () => [...history.acked.keys()].every((id) => events.ofJob(id).some(({ type }) => type === 'succeeded')),
      30_000,
    );
    expect(history.check({ events: events.events, executions: readLedger(ledger) })).toEqual([]);
    await events.close();
  });

  it('loses everything it has in a restart: every job that waited is dispatched again', async () => {
    await accepted(40);
    const queued = await clients[0]?.submitMany(
      Array.from({ length: 200 }, (_, n) => ({
        handler: 'test.work',
        input: { n, ms: 20, ledger },
        idempotencyKey: `waits-${n}`,
      })),
    );
    for (const [n, outcome] of (queued ?? []).entries()) {
      if ('error' in outcome) throw outcome.error;
      history.accepted(outcome.ok.jobId, `waits-${n}`);
    }
    await cluster.wipeNats();
    await accepted(40);
    await everythingEnds();
    for (const [id, key] of history.acked) {
      if (!key.startsWith('waits-')) continue;
      const job = await (clients[0] as TroupeClient).wait(id, { signal: AbortSignal.timeout(40_000) });
      history.saw('final', job);
      expect(job.state).toBe('SUCCEEDED');
    }
    expect(history.check({ executions: readLedger(ledger) })).toEqual([]);
  });

  it('loses its streams while it runs: they are made anew, and every job that waited is dispatched again', async () => {
    await accepted(40);
    const connection = await connect({ servers: cluster.broker.url });
    const manager = await jetstreamManager(connection);
    const names = (await manager.streams.list().next()).map(({ config }) => config.name);
    for (const name of names) await manager.streams.delete(name);
    await connection.close();
    expect(names.length).toBeGreaterThanOrEqual(5);
    await accepted(40);
    await everythingEnds();
    expect(history.check({ executions: readLedger(ledger) })).toEqual([]);
  });
});
