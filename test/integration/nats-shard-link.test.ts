import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import type { ShardHandler } from '../../src/application/ports/shard-link.ts';
import type { ItemResult } from '../../src/application/ports/shard-protocol.ts';
import { SilentShards } from '../../src/application/protocol/silent-shards.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import { eventually, startTestNats, testJobId, type TestNats } from '../support/nats.ts';
import { realClock } from '../support/stores.ts';

/** How long an answer may take on a busy machine. */
const answerMaxMs = 30_000;

describe('shard link', () => {
  let nats: TestNats;
  let client: NatsBus;
  let owner: NatsBus;

  beforeAll(async () => {
    nats = await startTestNats();
    const limits = { requestsInProgress: 2 };
    [client, owner] = await Promise.all([nats.connect(), nats.connect({ limits })]);
  });
  afterAll(async () => {
    await nats.stop();
  });

  /** A handler of any verb; what it answers is the test's business. */
  function handler(answer: (verb: string, items: readonly object[]) => Promise<readonly ItemResult<unknown>[]>) {
    return answer as unknown as ShardHandler;
  }

  /** A subscription counts once the server knows it: one round trip on the same connection makes sure. */
  async function roundTrip(bus: NatsBus): Promise<void> {
    await expect(bus.shardClient.call(98, 'get', [], 5_000)).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  }

  const items = (count: number) => Array.from({ length: count }, () => ({ jobId: testJobId() }));

  test('carries items there and results back, each item with its own fate', async () => {
    const stop = owner.shardServer.serveShard(
      1,
      handler(async (verb, received) =>
        received.map((item, index) =>
          index === 1
            ? { error: new TroupeError('JOB_NOT_FOUND', { metadata: { at: 'one' } }).toWire() }
            : { ok: { verb, item } },
        ),
      ),
    );
    await roundTrip(owner);
    const asked = items(3);
    const results = await client.shardClient.call(1, 'get', asked, answerMaxMs);
    expect(results).toEqual([
      { ok: { verb: 'get', item: asked[0] } },
      { error: { code: 'JOB_NOT_FOUND', message: expect.any(String) as string, metadata: { at: 'one' } } },
      { ok: { verb: 'get', item: asked[2] } },
    ]);
    stop();
    await expect(client.shardClient.call(1, 'get', asked, answerMaxMs)).rejects.toMatchObject({
      code: 'SHARD_UNAVAILABLE',
    });
  });

  test('nobody listens: SHARD_UNAVAILABLE at once', async () => {
    // Not what comes when the time is up: that is OUTCOME_UNKNOWN.
    await expect(client.shardClient.call(99, 'get', items(1), 10_000)).rejects.toMatchObject({
      code: 'SHARD_UNAVAILABLE',
    });
  });

  test('an owner of an earlier version, which lacks a verb: nothing was done, and a later owner may have it', async () => {
    const asked: string[] = [];
    const stop = owner.shardServer.serveShard(
      2,
      handler(async (verb) => {
        asked.push(verb);
        return [];
      }),
    );
    await roundTrip(owner);
    for (const verb of ['of-a-later-version', 'toString', '__proto__']) {
      const refusal = await client.shardClient.call(2, verb as 'report', [], answerMaxMs).catch(TroupeError.from);
      expect(refusal).toMatchObject({ code: 'SHARD_UNAVAILABLE', retryable: true });
    }
    expect(asked).toEqual([]);
    stop();
  });

  test('no answer in time: OUTCOME_UNKNOWN, not before the time', async () => {
    const stop = owner.shardServer.serveShard(
      2,
      handler(() => new Promise(() => undefined)),
    );
    await roundTrip(owner);
    const startMs = performance.now();
    await expect(client.shardClient.call(2, 'submit', [], 300)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThanOrEqual(295);
    stop();
  });

  test('a rejection of the handler comes out at the caller', async () => {
    const stop = owner.shardServer.serveShard(
      3,
      handler(() => Promise.reject(new TroupeError('STORE_UNAVAILABLE', { retryAfterMs: 70, message: 'away' }))),
    );
    await roundTrip(owner);
    await expect(client.shardClient.call(3, 'get', items(1), answerMaxMs)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'away',
      retryAfterMs: 70,
    });
    stop();
  });

  test('past the bound of requests in progress: OVERLOADED', async () => {
    const gate = Promise.withResolvers<undefined>();
    const stop = owner.shardServer.serveShard(
      4,
      handler(async (_verb, received) => {
        await gate.promise;
        return received.map(() => ({ ok: 1 }));
      }),
    );
    await roundTrip(owner);
    const calls = Array.from({ length: 4 }, () => client.shardClient.call(4, 'get', items(1), 5_000));
    await expect(calls[3]).rejects.toMatchObject({ code: 'OVERLOADED' });
    gate.resolve(undefined);
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    stop();
  });

  test('an answer that does not fit loses only its largest items', async () => {
    const large = 'x'.repeat(700_000);
    const stop = owner.shardServer.serveShard(
      5,
      handler(async () => [{ ok: 'small' }, { ok: large }, { ok: 'y'.repeat(600_000) }, { ok: 'z'.repeat(2_000_000) }]),
    );
    await roundTrip(owner);
    const results = await client.shardClient.call(5, 'get', items(4), 5_000);
    expect(results[0]).toEqual({ ok: 'small' });
    expect(results[1]).toMatchObject({ error: { code: 'OUTCOME_UNKNOWN' } });
    expect(results[2]).toEqual({ ok: 'y'.repeat(600_000) });
    expect(results[3]).toMatchObject({ error: { code: 'PAYLOAD_TOO_LARGE' } });
    stop();
  });

  test('a request that does not fit is refused before it is sent', async () => {
    const item = { jobId: testJobId(), reason: 'r'.repeat(2_000_000) };
    await expect(client.shardClient.call(6, 'cancel', [item], 1_000)).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
  });

  test('nonsense on the wire is answered with INVALID_ARGUMENT and never reaches the handler', async () => {
    let called = 0;
    const stop = owner.shardServer.serveShard(
      7,
      handler(async () => {
        called += 1;
        return [];
      }),
    );
    await roundTrip(owner);
    await client.shardClient.call(7, 'get', [], answerMaxMs);
    const plain = await connect({ servers: nats.url });
    for (const [verb, body] of [
      ['get', 'not json'],
      ['get', '{"items":5}'],
      ['get', '{"items":[1]}'],
      ['get', 'null'],
    ] as const) {
      const answer = await plain.request(`troupe.shard.7.${verb}`, body, { timeout: answerMaxMs });
      expect(answer.json()).toMatchObject({ error: { code: 'INVALID_ARGUMENT' } });
    }
    expect(called).toBe(1);
    await plain.close();
    stop();
  });

  test('a node is asked by its id', async () => {
    const stop = owner.serveNode('host.a:1', async (verb, payload) => {
      if (verb === 'fail') throw new TroupeError('SHUTTING_DOWN');
      return { verb, payload };
    });
    await roundTrip(owner);
    expect(await client.requestNode('host.a:1', 'drain', { graceMs: 5 }, answerMaxMs)).toEqual({
      verb: 'drain',
      payload: { graceMs: 5 },
    });
    await expect(client.requestNode('host.a:1', 'fail', null, answerMaxMs)).rejects.toMatchObject({
      code: 'SHUTTING_DOWN',
    });
    await expect(client.requestNode('nobody', 'drain', null, answerMaxMs)).rejects.toMatchObject({
      code: 'NODE_SILENT',
    });
    stop();
  });

  test('live feed: events, progress and log news of one job, until told to stop', async () => {
    const jobId = testJobId();
    const seen: unknown[] = [];
    const job = { jobId, tenant: 'acme', queue: 'thumbs' };
    const stop = client.live.watchJob(job, (change) => seen.push(change));
    const stopSecond = client.live.watchJob(job, () => undefined);
    await roundTrip(client);
    const event = { tenant: 'acme', queue: 'thumbs', atMs: 1, data: {} } as const;
    await owner.publisher.publishEvent({ ...event, jobId, seq: 1, type: 'queued' });
    await owner.publisher.publishEvent({ ...event, jobId: testJobId(), seq: 9, type: 'queued' });
    const note = { jobId, attempt: 1, fraction: 0.4, note: 'tile 12 of 30' };
    owner.live.publishProgress('acme', 'thumbs', note);
    owner.live.publishLogNews('acme', 'thumbs', jobId);
    await eventually(() => seen.length === 3);
    stopSecond();
    stop();
    await owner.publisher.publishEvent({ ...event, jobId, seq: 2, type: 'started' });
    await roundTrip(client);
    expect(seen).toEqual([{ kind: 'event', seq: 1 }, { kind: 'progress', progress: note }, { kind: 'log' }]);
  });

  test('the link goes while a request is out: OUTCOME_UNKNOWN at once; after the restart all serve again', async () => {
    let asked = 0;
    const stop = owner.shardServer.serveShard(
      8,
      handler((_verb, received) => {
        asked += 1;
        return asked === 1 ? new Promise(() => undefined) : Promise.resolve(received.map(() => ({ ok: asked })));
      }),
    );
    await roundTrip(owner);
    const lost = expect(client.shardClient.call(8, 'get', items(1), 30_000)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    });
    await eventually(() => asked === 1);
    await nats.kill();
    await lost;
    await expect(client.shardClient.call(8, 'get', items(1), 1_000)).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
    });
    expect(client.health().connected).toBe(false);
    await nats.restart();
    await eventually(() => client.health().connected && owner.health().connected);
    await roundTrip(owner);
    expect(await client.shardClient.call(8, 'get', items(1), 5_000)).toEqual([{ ok: 2 }]);
    stop();
  });

  it('an owner that hangs costs nobody more than some seconds, and its successor gets calls at once', async () => {
    const told: number[] = [];
    const watched = new SilentShards({ client: client.shardClient, clock: realClock, told: (n) => told.push(n) });
    // It takes requests and never answers, like a process that is stopped.
    const hung = await nats.connect();
    const stopHung = hung.shardServer.serveShard(
      5,
      handler(() => new Promise(() => undefined)),
    );
    await roundTrip(hung);
    await expect(watched.call(5, 'get', items(1), 60_000)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(told).toEqual([1]);
    const startedAtMs = performance.now();
    await expect(watched.call(5, 'get', items(1), 60_000)).rejects.toMatchObject({
      code: 'SHARD_UNAVAILABLE',
      retryAfterMs: 500,
    });
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
    const stopNext = client.shardServer.serveShard(
      5,
      handler(async (_, received) => received.map(() => ({ ok: 'answered' }))),
    );
    await eventually(() => told.length === 2);
    expect(await watched.call(5, 'get', items(1), answerMaxMs)).toEqual([{ ok: 'answered' }]);
    expect(told).toEqual([1, 0]);
    watched.stop();
    stopNext();
    stopHung();
  });
});
