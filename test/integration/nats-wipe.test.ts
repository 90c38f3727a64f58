import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import { eventually, startTestNats, testJobId, type TestNats } from '../support/nats.ts';

const node = {
  nodeId: 'n1',
  incarnation: 3,
  roles: ['workers'],
  weight: 1,
  slots: 2,
  handlers: [],
  workerClass: 'default',
  draining: false,
  version: '1',
} as const;

describe('JetStream is wiped while it is used', () => {
  let nats: TestNats;
  let bus: NatsBus;
  let other: NatsBus;

  beforeAll(async () => {
    nats = await startTestNats();
    // What came back after the wipe is looked at when work has flowed for a while, however slowly.
    const limits = { nodeTtlMs: 120_000 };
    [bus, other] = await Promise.all([nats.connect({ limits }), nats.connect({ limits })]);
  });
  afterAll(async () => {
    await nats.stop();
  });

  test('everything is made anew, own keys come back, listeners hear the new identity, work flows again', async () => {
    await bus.work.ensureRoute({ tenant: 'acme', queue: 'thumbs' });
    await bus.config.publishManifest({ name: 'image.thumb', version: '1.0.0', inputKind: 'json' });
    await bus.config.touchQueue('acme', 'thumbs', 4);
    await bus.membership.announce(node);
    const hold = await bus.leases.acquire(1, 'n1', 3);
    if (hold === undefined) throw new Error('not acquired');
    const before = bus.publisher.streams();
    const heard: string[] = [];
    const heardByOther: string[] = [];
    bus.publisher.onStreamsReplaced((streams) => heard.push(streams));
    other.publisher.onStreamsReplaced((streams) => heardByOther.push(streams));

    const traffic = startTraffic(bus);
    await eventually(() => traffic.pulled.size > 200);
    const downMs = performance.now();
    await nats.restart({ wipe: true });
    await eventually(() => heard.length > 0 && heardByOther.length > 0);
    const backMs = performance.now() - downMs;
    const afterWipe = traffic.pulled.size;
    await eventually(() => traffic.pulled.size > afterWipe + 200);
    await traffic.stop();

    process.stderr.write(`measured: wiped streams are made anew after ${Math.round(backMs)} ms\n`);
    expect(bus.publisher.streams()).not.toBe(before);
    expect(heard.at(-1)).toBe(bus.publisher.streams());
    expect(heardByOther.at(-1)).toBe(bus.publisher.streams());
    for (const error of traffic.errors) expect(error).toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    expect(bus.differences()).toEqual([]);

    const late = await nats.connect();
    await eventually(
      () => late.config.manifestsOf('image.thumb').length === 1 && late.config.queues().get('acme/thumbs') === 4,
    );
    await eventually(() => late.membership.nodes().some((one) => one.incarnation === 3));
    await eventually(() => other.membership.nodes().some((one) => one.incarnation === 3));
    // Somebody may have had the shard in the meantime.
    expect(await bus.leases.renew(hold)).toBeUndefined();
    expect(await bus.leases.acquire(1, 'n1', 3)).toMatchObject({ holder: 'n1' });
    expect(await other.leases.acquire(1, 'n2', 1)).toBeUndefined();
    await other.membership.announce({ ...node, nodeId: 'n2' });
    await eventually(() => bus.membership.nodes().length === 2);
  });

  interface Traffic {
    readonly pulled: Set<string>;
    readonly errors: unknown[];
    stop(): Promise<void>;
  }

  /** Publishes and pulls without pause; a refused call is tried again a little later, as its callers do. */
  function startTraffic(target: NatsBus): Traffic {
    const pulled = new Set<string>();
    const errors: unknown[] = [];
    const abort = new AbortController();
    const keepTrying = async (act: () => Promise<void>): Promise<void> => {
      while (!abort.signal.aborted) {
        try {
          await act();
        } catch (error) {
          errors.push(TroupeError.from(error));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    };
    const publish = async (): Promise<void> => {
      const need = { handler: 'test.echo' };
      const place = { tenant: 'acme', queue: 'thumbs', route: 'shared' } as const;
      await target.publisher.publishWork({ ...place, jobId: testJobId(), attempt: 0, epoch: 1, need });
    };
    const pull = async (): Promise<void> => {
      const route = { tenant: 'acme', queue: 'thumbs' };
      const input = { route, batch: 20, expiresMs: 3_000, signal: abort.signal };
      for (const delivery of await target.work.pull(input)) {
        pulled.add(delivery.message.jobId);
        target.publisher.acknowledge(delivery.ackTo);
      }
    };
    const loops = [keepTrying(pull), ...Array.from({ length: 10 }, () => keepTrying(publish))];
    return {
      pulled,
      errors,
      async stop() {
        abort.abort();
        await Promise.all(loops);
      },
    };
  }
});
