// The NATS accounts that infra/ declares, on a real server: a cluster of three processes with a login each runs a job
// from end to end without one violation, and the login of the workers is refused what only others may do.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NatsRole, natsRoles, natsUser } from '../../infra/src/objects/names.ts';
import {
  natsAccounts,
  natsInboxPrefix,
  natsPasswordVariable,
  natsPermissions,
} from '../../infra/src/objects/nats-accounts.ts';
import { shardVerbs } from '../../src/application/ports/shard-protocol.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { startNodeProcess, type TestNode } from '../support/cluster-node.ts';
import { checkpointHandlersDir, clusterHandlersDir, waitFor } from '../support/cluster.ts';
import { natsServerPath } from '../support/nats.ts';

/** With what a bare variable of the configuration could not hold. */
const password = (role: NatsRole): string => `12 # "${role}"`;

/** As the chart writes it: JSON, without quotes around what stands between `<<` and `>>`. */
function serverConfiguration(dir: string, eventStreams: number): string {
  const configuration = {
    host: '127.0.0.1',
    port: -1,
    ports_file_dir: dir,
    log_file: join(dir, 'server.log'),
    jetstream: { store_dir: join(dir, 'jetstream'), max_file_store: '<< 1TB >>' },
    ...natsAccounts(eventStreams),
  };
  return JSON.stringify(configuration, null, 2).replaceAll(/"<< (.*?) >>"/g, '$1');
}

async function portOf(dir: string): Promise<number | undefined> {
  const file = (await readdir(dir)).find((name) => name.endsWith('.ports'));
  if (file === undefined) return undefined;
  const { nats } = JSON.parse(await readFile(join(dir, file), 'utf8')) as { readonly nats: readonly string[] };
  const port = Number(nats[0]?.split(':').at(-1));
  return port > 0 ? port : undefined;
}

it('the accounts let somebody ask a shard for each of its verbs', () => {
  const asked = natsRoles.flatMap((role) => natsPermissions(role, 1).publish);
  const missing = Object.keys(shardVerbs).filter((verb) => !asked.includes(`troupe.shard.*.${verb}`));
  expect(missing).toEqual([]);
});

// With three, the events of the queue `default` are in the last one.
describe.each([1, 3])('the NATS accounts of infra/, streams of events: %i,', (eventStreams) => {
  let dir: string;
  let server: ChildProcess;
  let port: number;
  const nodes = new Map<string, TestNode>();

  const violations = async (): Promise<readonly string[]> => {
    const log = await readFile(join(dir, 'server.log'), 'utf8');
    return log.split('\n').filter((line) => /Violation/i.test(line));
  };

  const login = (role: NatsRole): Promise<NatsConnection> =>
    connect({
      servers: `127.0.0.1:${port}`,
      user: natsUser(role),
      pass: password(role),
      inboxPrefix: natsInboxPrefix(role),
    });

  /** Subjects of the stream WORK that hold messages. */
  async function workSubjects(): Promise<readonly string[]> {
    const shards = await login('shards');
    const filter = JSON.stringify({ subjects_filter: '>' });
    const answer = await shards.request('$JS.API.STREAM.INFO.TROUPE_WORK', filter);
    await shards.close();
    const { state } = answer.json<{ readonly state: { readonly subjects?: Readonly<Record<string, number>> } }>();
    return Object.keys(state.subjects ?? {});
  }

  async function startNode(role: NatsRole, name: string, handlers: string): Promise<TestNode> {
    const cwd = join(dir, name);
    await mkdir(cwd, { recursive: true });
    const passwordPath = join(cwd, 'password');
    await writeFile(passwordPath, password(role));
    const settings = {
      'store.sqlite.path': join(dir, 'shared.db'),
      'nats.user': natsUser(role),
      'nats.passwordPath': passwordPath,
      'nats.inboxPrefix': natsInboxPrefix(role),
      'nats.eventStreams': eventStreams,
      'shutdown.graceMs': 3_000,
    };
    const args = [
      '--no-samples',
      ...['--node-id', name, '--roles', role, '--data-dir', join(cwd, 'data')],
      ...['--nats', `127.0.0.1:${port}`, '--port', '0', '--http-port', '0', '--web-port', '0', '--threads', '1'],
      ...['--handlers', handlers],
      ...Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]),
    ];
    const node = await startNodeProcess({ name, cwd, args });
    nodes.set(name, node);
    return node;
  }

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'troupe-accounts-'));
    const config = join(dir, 'nats.conf');
    await writeFile(config, serverConfiguration(dir, eventStreams));
    const passwords = Object.fromEntries(
      natsRoles.map((role) => [natsPasswordVariable(role), JSON.stringify(password(role))]),
    );
    server = spawn(await natsServerPath(), ['-c', config], { stdio: 'ignore', env: { ...process.env, ...passwords } });
    port = await waitFor('the port of the server', () => portOf(dir), 15_000);
    // The others first: each of them must be able to make the streams of an empty server.
    await startNode('workers', 'workers', clusterHandlersDir);
    await startNode('shards', 'shards', clusterHandlersDir);
    await Promise.all([
      startNode('gateway', 'gateway', clusterHandlersDir),
      startNode('workers', 'savers', checkpointHandlersDir),
      startNode('shards', 'keepers', clusterHandlersDir),
    ]);
  });

  afterAll(async () => {
    await Promise.all([...nodes.values()].map((node) => node.discard()));
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await gone;
    await rm(dir, { recursive: true, force: true });
  });

  const gateway = (): TroupeClient => {
    const node = nodes.get('gateway');
    if (node === undefined) throw new Error('the gateway was not started');
    return node.client();
  };

  it('let a job be submitted, run, watched, logged, and told of as an event', async () => {
    const client = gateway();
    const gate = join(dir, 'gate');
    const stop = new AbortController();
    const news = client.watchJobs({ signal: stop.signal });
    // The first message is the place from which it tells.
    await news.next();
    const told = (async () => {
      for await (const { job } of news) if (job?.state === 'SUCCEEDED') return true;
      return false;
    })();
    const { jobId } = await client.submit('test.talks', { lines: 2, gate });
    const progress = await client.submit('test.hold', { gate, ledger: join(dir, 'ledger') });
    await writeFile(gate, '');
    expect(await client.wait(jobId)).toMatchObject({ state: 'SUCCEEDED' });
    expect(await client.wait(progress.jobId)).toMatchObject({ state: 'SUCCEEDED', output: 'done' });
    expect((await client.log(jobId)).lines.map(({ text }) => text)).toContain('the last one');
    expect(await told).toBe(true);
    stop.abort();
  });

  it('let a run be cancelled and a job be deleted', async () => {
    const client = gateway();
    const { jobId } = await client.submit('test.spin', { clock: join(dir, 'clock') });
    await waitFor('it runs', async () => (await client.get(jobId)).state === 'RUNNING', 30_000);
    await client.cancel(jobId);
    expect(await client.wait(jobId)).toMatchObject({ state: 'CANCELLED' });
    await client.erasePayloads(jobId);
  });

  it('let a job save checkpoints, and others wait where only the nodes with their handler look', async () => {
    const client = gateway();
    const gate = join(dir, 'steps');
    const steps = { gate, ledger: join(dir, 'steps.ledger'), steps: 3 };
    const first = await client.submit('test.steps', steps);
    await waitFor('its node is busy', async () => (await client.get(first.jobId)).state === 'RUNNING', 30_000);
    const drafts = Array.from({ length: 8 }, () => ({ handler: 'test.steps', input: steps }));
    const others = (await client.submitMany(drafts)).flatMap((outcome) => ('ok' in outcome ? [outcome.ok] : []));
    const own = 'troupe.work.default.default.2=3A=test=2E=steps';
    await waitFor('some wait on the route of their handler', async () => (await workSubjects()).includes(own), 30_000);
    await writeFile(gate, '');
    expect(others).toHaveLength(8);
    for (const { jobId } of [first, ...others]) expect(await client.wait(jobId)).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('let shards be on two nodes', async () => {
    const client = gateway();
    expect(await client.cluster.overview()).toMatchObject({ silentShards: 0, figuresFresh: { grade: 'good' } });
    const owners = async (): Promise<string> => {
      const { shards } = await client.cluster.shards();
      return [...new Set(shards.map(({ node }) => node))].toSorted().join();
    };
    await waitFor('both own some', async () => (await owners()) === 'keepers,shards', 30_000);
  });

  it('let limits of a queue be kept by all shards, and a queue be stopped and go on', async () => {
    const client = gateway();
    await client.queues.create('single', { flow: { maxRunning: 1, rate: { perSecond: 50, burst: 5 } } });
    const jobs = await client.submitMany(
      Array.from({ length: 12 }, (_, index) => ({ handler: 'test.echo', queue: 'single', input: index })),
    );
    const ids = jobs.flatMap((outcome) => ('ok' in outcome ? [outcome.ok.jobId] : []));
    expect(ids).toHaveLength(12);
    for (const id of ids) expect(await client.wait(id)).toMatchObject({ state: 'SUCCEEDED' });
    await client.cluster.quarantineQueue('single', 'a test');
    await client.cluster.resumeQueue('single');
  });

  it('let the cluster be seen from the gateway', async () => {
    const client = gateway();
    // A node of a slow machine may be silent for a moment.
    const all = [...nodes.keys()].map((name) => `${name} live`).sort();
    const seen = async (): Promise<boolean> => {
      const states = (await client.cluster.nodes()).map(({ id, state }) => `${id} ${state}`);
      return isDeepStrictEqual(states.sort(), all);
    };
    await waitFor('all are live', seen, 30_000);
    const inTree = async (): Promise<boolean> => {
      const { actors } = await client.cluster.tree();
      return new Set(actors.flatMap(({ node, state }) => (state === 'silent' ? [] : [node]))).size === nodes.size;
    };
    await waitFor('all are in the tree', inTree, 30_000);
    const noneSilent = async (): Promise<boolean> => (await client.cluster.shards()).silentNodes.length === 0;
    await waitFor('none is silent', noneSilent, 30_000);
  });

  it('were never violated by all that', async () => {
    expect(await violations()).toEqual([]);
  });

  it('have let events into the stream of their queue', async () => {
    const gatewayLogin = await login('gateway');
    const stream = `TROUPE_EVENTS${eventStreams === 1 ? '' : '_2'}`;
    const query = JSON.stringify({ seq: 1, next_by_subj: 'troupe.events.default.default.succeeded' });
    const answer = await gatewayLogin.request(`$JS.API.DIRECT.GET.${stream}`, query);
    await gatewayLogin.close();
    expect(answer.headers?.get('ce-type')).toBe('dev.troupe.job.succeeded');
  });

  describe('the login of the workers', () => {
    let worker: NatsConnection;

    beforeAll(async () => {
      worker = await login('workers');
    });
    afterAll(async () => {
      await worker.close();
    });

    it.each([
      ['takes a shard', '$KV.troupe_leases.shard.0'],
      ['tells what happened to a job', 'troupe.events.default.default.succeeded.x'],
      ['tells it to another stream', 'troupe.kept.2.default.default.succeeded'],
      ['submits', 'troupe.shard.0.submit'],
      ['cancels', 'troupe.shard.0.cancel'],
      ['reads a job', 'troupe.shard.0.get'],
      ['stops a run of another node', 'troupe.node.other.stop'],
      ['deletes a stream', '$JS.API.STREAM.DELETE.TROUPE_WORK'],
      ['empties a stream', '$JS.API.STREAM.PURGE.TROUPE_EVENTS'],
      ['changes a stream', '$JS.API.STREAM.UPDATE.TROUPE_WORK'],
      ['deletes a consumer', '$JS.API.CONSUMER.DELETE.TROUPE_WORK.default=default=5'],
      ['makes a stream of its own', '$JS.API.STREAM.CREATE.MINE'],
      ['reads the kept events', '$JS.API.DIRECT.GET.TROUPE_EVENTS'],
      ['reads one of them', '$JS.API.STREAM.MSG.GET.TROUPE_EVENTS'],
      ['takes the next one, with an acknowledgement that names two', '$JS.ACK.TROUPE_EVENTS.other.TROUPE_WORK.x.1.1.1'],
    ])('is refused when it %s', async (_what, subject) => {
      const refusal = `Permissions Violation for Publish to "${subject}"`;
      await expect(worker.request(subject, '{}', { timeout: 30_000 })).rejects.toThrow(refusal);
    });

    it.each([
      ['says more of its runs', 'troupe.shard.0.log'],
      ['says that they are alive', 'troupe.shard.0.heartbeat'],
      ['moves a job to the route of what it needs', 'troupe.work.default.default.2=3A=none'],
    ])('is let through when it %s', async (_what, subject) => {
      // Whatever the answer: the server has passed the question on.
      await expect(worker.request(subject, '{}', { timeout: 30_000 })).resolves.toBeDefined();
    });

    it.each([
      ['the requests to shards', 'troupe.shard.*.*'],
      ['the answers to the gateway', `${natsInboxPrefix('gateway')}.>`],
      ['the answers to everybody', '_INBOX.>'],
      ['the events of jobs', 'troupe.events.>'],
      ['everything', '>'],
    ])('is refused to hear %s', async (_what, subject) => {
      const refused = new Promise((resolve) => {
        worker.subscribe(subject, { callback: (error) => resolve(error) });
      });
      expect(await refused).toBeInstanceOf(PermissionViolationError);
    });

    it('is what the server asks for: nobody comes in without one', async () => {
      const anonymous = connect({ servers: `127.0.0.1:${port}`, reconnect: false });
      await expect(anonymous).rejects.toThrow(/authorization/i);
    });
  });
});
