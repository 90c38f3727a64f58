// A server from 2.15 on allows 1,000 consumers of a stream that states no number, and an account may allow fewer. A
// cluster of many queues must start all the same: each queue has a consumer.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectNats, type ConnectNatsOptions, type NatsBus } from '../../src/adapters/nats/connect-nats.ts';
import { waitFor } from '../support/cluster.ts';
import { natsServerPath, natsTestClock, natsTestLog, natsTestTelemetry, testJobId } from '../support/nats.ts';

const path = await natsServerPath();
/** A server before 2.15 does not know the setting, and has no such limit. */
const isOlder = /v2\.14\./.test(execFileSync(path, ['--version'], { encoding: 'utf8' }));

let dir: string;
let server: ChildProcess | undefined;
let bus: NatsBus | undefined;
let url = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-nats-limits-'));
});
afterEach(async () => {
  await bus?.close();
  if (server?.exitCode === null) {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
  await rm(dir, { recursive: true, force: true });
});

/** With a JetStream of its own and these lines of configuration besides. */
async function connectTo(
  jetstream: readonly string[],
  more: readonly string[] = [],
  options: Pick<ConnectNatsOptions, 'eventStreams'> = {},
): Promise<NatsBus> {
  const config = join(dir, 'server.conf');
  const store = [`store_dir: ${JSON.stringify(join(dir, 'jetstream'))}`, 'max_file_store: 1TB'];
  const lines = ['host: 127.0.0.1', 'port: -1', `ports_file_dir: ${JSON.stringify(dir)}`, ...more];
  await writeFile(config, [...lines, 'jetstream {', ...store, ...jetstream, '}', ''].join('\n'));
  server = spawn(path, ['-c', config], { stdio: 'ignore' });
  await waitFor(
    'the ports of the server',
    async () => {
      const file = (await readdir(dir)).find((name) => name.endsWith('.ports'));
      const text = file === undefined ? '' : await readFile(join(dir, file), 'utf8');
      url = /"(nats:\/\/[^"]+)"/.exec(text)?.[1] ?? '';
      return url !== '';
    },
    10_000,
  );
  bus = await connectNats({
    servers: [url],
    name: 'test',
    clock: natsTestClock,
    log: natsTestLog,
    telemetry: natsTestTelemetry,
    ...options,
  });
  return bus;
}

it.skipIf(isOlder)('has as many queues as it likes, whatever the server allows by default', async () => {
  const { work, differences } = await connectTo(['limits { default_max_consumers: 2 }']);
  for (const queue of ['a', 'b', 'c', 'd']) await work.ensureRoute({ tenant: 'acme', queue });
  expect(differences()).toEqual([]);
});

const account = 'A { jetstream { max_consumers: 2 }, users: [{ user: u, password: p }] }';
const accounts = [`accounts { ${account} }`, 'no_auth_user: u'];

it('lives with an account that allows fewer, and says so', async () => {
  const { work, differences } = await connectTo([], accounts);
  for (const queue of ['a', 'b']) await work.ensureRoute({ tenant: 'acme', queue });
  await expect(work.ensureRoute({ tenant: 'acme', queue: 'c' })).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  expect(differences()).toMatchObject([{ asset: 'TROUPE_WORK', field: 'max_consumers', wanted: '100000' }]);
});

it('refuses to start with more streams of events than there is disk for, and names the stream and the setting', async () => {
  const small = ['accounts { A { jetstream { max_store: 14GB }, users: [{ user: u, password: p }] } }'];
  await expect(connectTo([], [...small, 'no_auth_user: u'], { eventStreams: 32 })).rejects.toMatchObject({
    code: 'BROKER_UNAVAILABLE',
    message: expect.stringMatching(
      / TROUPE_EVENTS_\d+, which nats.eventStreams asks for: .*(storage|limits)/,
    ) as string,
  });
  const connection = await connect({ servers: url });
  const { streams } = await jetstreamManager(connection);
  for (const needed of ['TROUPE_WORK', 'TROUPE_EVENTS']) expect((await streams.info(needed)).config.name).toBe(needed);
  await connection.close();
});

it('publishes again after its streams were lost, though one queue has no consumer any more', async () => {
  const { work, publisher } = await connectTo([], accounts);
  const queues = ['a', 'b', 'c'];
  await Promise.allSettled(queues.map((queue) => work.ensureRoute({ tenant: 'acme', queue })));
  const message = {
    tenant: 'acme',
    queue: 'a',
    attempt: 1,
    epoch: 1,
    need: { handler: 'x' },
    route: 'shared',
  } as const;
  const publish = (): Promise<boolean> =>
    publisher.publishWork({ ...message, jobId: testJobId() }).then(
      () => true,
      () => false,
    );
  expect(await publish()).toBe(true);
  const before = publisher.streams();
  const connection = await connect({ servers: url });
  await (await jetstreamManager(connection)).streams.delete('TROUPE_WORK');
  await connection.close();
  await waitFor('the repair', async () => (await publish()) && publisher.streams() !== before, 30_000);
});
