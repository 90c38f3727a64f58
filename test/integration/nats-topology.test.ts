import { connect } from '@nats-io/transport-node';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestNats, type TestNats } from '../support/nats.ts';

describe('topology', () => {
  let nats: TestNats;
  let jsm: JetStreamManager;
  let disconnect: () => Promise<void>;

  beforeAll(async () => {
    nats = await startTestNats();
    const connection = await connect({ servers: nats.url });
    jsm = await jetstreamManager(connection);
    disconnect = () => connection.close();
  });
  afterAll(async () => {
    await disconnect();
    await nats.stop();
  });

  test('is created by whoever comes first, several at once included', async () => {
    const buses = await Promise.all([1, 2, 3, 4].map(() => nats.connect({ subjectRoot: 'first' })));
    await Promise.all(buses.map((bus) => bus.work.ensureRoute({ tenant: 'acme', queue: 'thumbs' })));

    expect(new Set(buses.map((bus) => bus.publisher.streams())).size).toBe(1);
    expect(buses.flatMap((bus) => bus.differences())).toEqual([]);
    const work = await jsm.streams.info('FIRST_WORK');
    expect(work.config).toMatchObject({
      subjects: ['first.work.*.*.*'],
      retention: 'workqueue',
      storage: 'file',
      discard: 'new',
      max_consumers: 100_000,
      allow_direct: true,
      duplicate_window: 30e9,
    });
    const events = await jsm.streams.info('FIRST_EVENTS');
    expect(events.config).toMatchObject({
      retention: 'limits',
      discard: 'old',
      compression: 's2',
      max_age: 72 * 3600e9,
      subject_transform: {
        src: 'first.events.*.*.*.*',
        dest: 'first.events.{{wildcard(1)}}.{{wildcard(2)}}.{{wildcard(3)}}',
      },
    });
    const leases = await jsm.streams.info('KV_first_leases');
    expect(leases.config).toMatchObject({ max_age: 6e9, max_msgs_per_subject: 1 });
    const consumer = await jsm.consumers.info('FIRST_WORK', 'acme=thumbs=2');
    expect(consumer.config).toMatchObject({
      filter_subject: 'first.work.acme.thumbs.2',
      ack_policy: 'explicit',
      ack_wait: 15e9,
      max_deliver: -1,
    });
    expect(consumer.config.backoff).toBeUndefined();
  });

  test('a consumer that is there already is looked at, and not created again', async () => {
    const first = await nats.connect({ subjectRoot: 'again' });
    await first.work.ensureRoute({ tenant: 'acme', queue: 'thumbs' });
    const created: string[] = [];
    const watcher = await connect({ servers: nats.url });
    watcher.subscribe('$JS.API.CONSUMER.CREATE.AGAIN_WORK.>', {
      callback: (_error, { subject }) => void created.push(subject),
    });
    await watcher.flush();
    const second = await nats.connect({ subjectRoot: 'again' });
    await second.work.ensureRoute({ tenant: 'acme', queue: 'thumbs' });
    await second.work.ensureRoute({ tenant: 'acme', queue: 'other' });
    await watcher.flush();
    await watcher.close();
    expect(created).toHaveLength(1);
    expect(created[0]).toContain('acme=other');
  });

  test('that is there already is verified, reported where it differs and never changed', async () => {
    await nats
      .connect({ subjectRoot: 'kept', limits: { workMaxMessages: 77, ackWaitMs: 5_000 } })
      .then((bus) => bus.work.ensureRoute({ tenant: 'acme', queue: 'thumbs' }));
    const other = await nats.connect({ subjectRoot: 'kept', limits: { workMaxMessages: 88, ackWaitMs: 6_000 } });
    await other.work.ensureRoute({ tenant: 'acme', queue: 'thumbs' });

    expect(other.differences()).toEqual([
      { asset: 'KEPT_WORK', field: 'max_msgs', wanted: '88', found: '77' },
      { asset: 'KEPT_WORK/acme=thumbs=2', field: 'ack_wait', wanted: '6000000000', found: '5000000000' },
    ]);
    const third = await nats.connect({ subjectRoot: 'kept', limits: { leaseTtlMs: 9_000 } });
    expect(third.leases.ttlMs).toBe(6_000);
    expect((await jsm.streams.info('KEPT_WORK')).config.max_msgs).toBe(77);
    expect((await jsm.consumers.info('KEPT_WORK', 'acme=thumbs=2')).config.ack_wait).toBe(5e9);
  });

  test('cannot be reached when no server is there: one clear error', async () => {
    await expect(
      nats.connect({ servers: ['nats://127.0.0.1:1'], limits: { connectTimeoutMs: 700 } }),
    ).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      message: expect.stringContaining('no NATS server answered at nats://127.0.0.1:1') as string,
    });
  });
});
