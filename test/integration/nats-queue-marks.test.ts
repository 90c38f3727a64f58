/** Quarantines in KV, seen by every process and kept when NATS is lost; and nodes as NATS tools see them ($SRV). */
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import { eventually, roundTrip, startTestNats, type TestNats } from '../support/nats.ts';

/** How long an answer may take on a busy machine. */
const answerMaxMs = 30_000;

let nats: TestNats;
let one: NatsBus;
let other: NatsBus;

beforeAll(async () => {
  nats = await startTestNats();
  [one, other] = [await nats.connect(), await nats.connect()];
});
afterAll(async () => {
  await nats.stop();
});

const mark = { tenant: 'acme', queue: 'mail', reason: 'bad data', sinceMs: 42 };
const marksOf = (bus: NatsBus) => bus.quarantines.of('acme', 'mail').map(({ node, reason }) => [node, reason]);

describe('quarantines', () => {
  test('are known at once to who puts them up, and to the others soon', async () => {
    const news: number[] = [];
    other.quarantines.onChange(() => news.push(marksOf(other).length));
    await one.quarantines.put(mark);
    expect(marksOf(one)).toEqual([[undefined, 'bad data']]);
    await eventually(() => marksOf(other).length === 1);
    await other.quarantines.put({ ...mark, node: 'node.7', reason: 'failed' });
    await other.quarantines.put({ ...mark, queue: 'mail2', reason: 'not this one' });
    await eventually(() => marksOf(one).length === 2);
    expect(marksOf(one)).toEqual([
      [undefined, 'bad data'],
      ['node.7', 'failed'],
    ]);
    expect(news).toEqual([1, 2, 2]);
  });

  test('are known to a process that starts later', async () => {
    const late = await nats.connect();
    await eventually(() => marksOf(late).length === 2);
  });

  test('are put back by who knows them when the bucket was lost, and what was taken away is not', async () => {
    await one.quarantines.clear('acme', 'mail2');
    await eventually(() => other.quarantines.of('acme', 'mail2').length === 0);
    await nats.restart({ wipe: true });
    await eventually(() => one.health().connected && other.health().connected);
    const late = await nats.connect();
    await eventually(() => marksOf(late).length === 2, 20_000);
    expect(late.quarantines.of('acme', 'mail2')).toEqual([]);
  });

  test('go all together', async () => {
    await other.quarantines.clear('acme', 'mail');
    expect(marksOf(other)).toEqual([]);
    await eventually(() => marksOf(one).length === 0);
    await one.quarantines.put({ ...mark, reason: 'again' });
    await eventually(() => marksOf(other)[0]?.[1] === 'again');
  });
});

describe('$SRV', () => {
  test('tells of the node, its endpoint and what it was asked', async () => {
    const stop = one.serveNode(
      'node-1',
      (verb) => {
        if (verb === 'fail') throw new TroupeError('RUN_NOT_FOUND');
        return Promise.resolve({ verb });
      },
      { version: '1.2.3', metadata: { roles: 'workers' }, startedAtMs: Date.UTC(2026, 0, 2) },
    );
    await roundTrip(one);
    const tool = await connect({ servers: `127.0.0.1:${nats.port}` });
    const ask = async (subject: string) => (await tool.request(subject, '', { timeout: answerMaxMs })).json();
    try {
      const name = 'troupe-node';
      const identity = { name, id: 'node-1', version: '1.2.3', metadata: { roles: 'workers' } };
      expect(await ask('$SRV.PING')).toEqual({ ...identity, type: 'io.nats.micro.v1.ping_response' });
      expect(await ask(`$SRV.INFO.${name}`)).toMatchObject({
        ...identity,
        type: 'io.nats.micro.v1.info_response',
        endpoints: [{ name: 'node', subject: 'troupe.node.node-1.*' }],
      });
      await other.requestNode('node-1', 'tree', null, answerMaxMs);
      await other.requestNode('node-1', 'fail', null, answerMaxMs).catch(() => undefined);
      const stats = await ask(`$SRV.STATS.${name}.node-1`);
      expect(stats).toMatchObject({
        ...identity,
        type: 'io.nats.micro.v1.stats_response',
        started: '2026-01-02T00:00:00.000Z',
        endpoints: [{ num_requests: 2, num_errors: 1, last_error: 'RUN_NOT_FOUND', queue_group: '' }],
      });
      stop();
      await roundTrip(one);
      await expect(ask(`$SRV.PING.${name}`)).rejects.toThrow();
    } finally {
      await tool.close();
    }
  });
});
