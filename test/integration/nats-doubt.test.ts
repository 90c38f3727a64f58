/** JetStream may have lost what it confirmed last: whoever publishes is told before anything new goes out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WorkMessage } from '../../src/application/ports/bus.ts';
import { eventually, startTestNats, testJobId, type TestNats } from '../support/nats.ts';

const place = { tenant: 'default', queue: 'default' };
const need = { handler: 'test.work' };

let nats: TestNats;
let dir: string;

beforeEach(async () => {
  nats = await startTestNats();
  dir = await mkdtemp(join(tmpdir(), 'troupe-doubt-'));
});
afterEach(async () => {
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

const message = (more: Partial<WorkMessage> = {}): WorkMessage => ({
  ...place,
  jobId: testJobId(),
  attempt: 0,
  epoch: 1,
  need,
  route: 'shared',
  ...more,
});

async function purge(): Promise<void> {
  const connection = await connect({ servers: nats.url });
  await (await jetstreamManager(connection)).streams.purge('TROUPE_WORK');
  await connection.close();
}

describe('what the stream of work holds', () => {
  it('is told by route: the first place of each, and the last of all', async () => {
    const { publisher, work } = await nats.connect();
    const own = { ...place, need };
    expect(await publisher.workStanding([place, own])).toEqual({ last: 0, firsts: [undefined, undefined] });
    for (let n = 0; n < 3; n += 1) await publisher.publishWork(message());
    await publisher.publishWork(message({ route: 'handler' }));
    expect(await publisher.workStanding([own, place])).toEqual({ last: 4, firsts: [4, 1] });
    await work.ensureRoute(place);
    const pull = { route: place, batch: 1, expiresMs: 20_000, signal: AbortSignal.timeout(30_000) };
    const [first] = await work.pull(pull);
    expect(await publisher.workStanding([place])).toEqual({ last: 4, firsts: [1] });
    publisher.acknowledge(first?.ackTo ?? '');
    await eventually(async () => (await publisher.workStanding([place])).firsts[0] === 2);
    await purge();
    expect(await publisher.workStanding([place, own])).toEqual({ last: 4, firsts: [undefined, undefined] });
  });
});

describe('a server that was started anew', () => {
  it('puts what it confirmed in doubt: that is told before a publish is taken', async () => {
    const { publisher } = await nats.connect();
    const copy = join(dir, 'copy');
    await publisher.publishWork(message());
    await nats.copyStore(copy);
    await publisher.publishWork(message());
    const streams = publisher.streams();
    const soundAtMs = publisher.soundAtMs() ?? Infinity;
    const seen: string[] = [];
    publisher.onDoubt(() => {
      seen.push('doubt');
      expect(publisher.soundAtMs()).toBeLessThan(performance.now());
    });
    publisher.onStreamsReplaced(() => seen.push('replaced'));
    await nats.restart({ store: copy });
    await eventually(async () => {
      const taken = await publisher.publishWork(message()).then(
        () => true,
        () => false,
      );
      if (taken) seen.push('published');
      return taken;
    });
    expect(seen).toEqual(['doubt', 'published']);
    expect(await publisher.workStanding([place])).toEqual({ last: 2, firsts: [1] });
    expect(publisher.streams()).toBe(streams);
    await eventually(() => (publisher.soundAtMs() ?? 0) > soundAtMs);
  });
});
