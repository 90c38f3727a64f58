// Followers of events on a real nats-server with the accounts that infra/ declares, and two gateways as processes: a follower reads
// its subscription, whatever is killed meanwhile, and everything else is refused.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstream } from '@nats-io/jetstream';
import { createAccount, createCurve } from '@nats-io/nkeys';
import {
  connect,
  type NatsConnection,
  PermissionViolationError,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NatsRole, natsRoles, natsUser } from '../../infra/src/objects/names.ts';
import { natsAccounts, natsInboxPrefix, natsPasswordVariable } from '../../infra/src/objects/nats-accounts.ts';
import { systemPasswordVariable, systemUser } from '../../infra/src/objects/nats-followers.ts';
import type { EventSubscriptionInfo, TroupeClient } from '../../src/client/index.ts';
import { startNodeProcess, type TestNode } from '../support/cluster-node.ts';
import { clusterHandlersDir, waitFor } from '../support/cluster.ts';
import { linkedAgain, natsServerPath, testJobId } from '../support/nats.ts';
import { startIssuer, type TokenIssuer } from '../support/token-issuer.ts';

const password = 'of-the-nodes';
const signing = createAccount();
const sealing = createCurve();
const eventStreams = 2;
const streams = ['TROUPE_EVENTS', 'TROUPE_EVENTS_1'];

let dir: string;
let server: ChildProcess;
let port: number;
let issuer: TokenIssuer;
const nodes = new Map<string, TestNode>();
const open: NatsConnection[] = [];

function configuration(listen: number): string {
  const keys = { issuer: signing.getPublicKey(), sealing: sealing.getPublicKey() };
  const settings = {
    host: '127.0.0.1',
    port: listen,
    ports_file_dir: dir,
    log_file: join(dir, 'server.log'),
    jetstream: { store_dir: join(dir, 'jetstream'), max_file_store: '<< 1TB >>' },
    ...natsAccounts(eventStreams, keys),
  };
  return JSON.stringify(settings, null, 2).replaceAll(/"<< (.*?) >>"/g, '$1');
}

async function startServer(listen: number): Promise<number> {
  const config = join(dir, 'nats.conf');
  await writeFile(config, configuration(listen));
  for (const name of await readdir(dir)) if (name.endsWith('.ports')) await rm(join(dir, name));
  const passwords = Object.fromEntries(
    [...natsRoles.map(natsPasswordVariable), systemPasswordVariable].map((name) => [name, password]),
  );
  server = spawn(await natsServerPath(), ['-c', config], { stdio: 'ignore', env: { ...process.env, ...passwords } });
  return waitFor('the port of the server', portOf, 15_000);
}

async function portOf(): Promise<number | undefined> {
  const file = (await readdir(dir)).find((name) => name.endsWith('.ports'));
  if (file === undefined) return undefined;
  const { nats } = JSON.parse(await readFile(join(dir, file), 'utf8')) as { readonly nats: readonly string[] };
  const found = Number(nats[0]?.split(':').at(-1));
  return found > 0 ? found : undefined;
}

async function killServer(): Promise<void> {
  const gone = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  await gone;
}

async function startNode(role: NatsRole, name: string): Promise<TestNode> {
  const cwd = join(dir, name);
  await mkdir(cwd, { recursive: true });
  const files = {
    password,
    signing: text(signing.getSeed()),
    sealing: text(sealing.getSeed()),
    operator: 'operators-only-1234',
  };
  for (const [file, content] of Object.entries(files)) await writeFile(join(cwd, file), content);
  const follow = {
    signingSeedPath: join(cwd, 'signing'),
    sealingSeedPath: join(cwd, 'sealing'),
    systemUser,
    systemPasswordPath: join(cwd, 'password'),
    servers: [`127.0.0.1:${port}`],
  };
  const config = {
    store: { sqlite: { path: join(dir, 'shared.db') } },
    nats: {
      user: natsUser(role),
      passwordPath: join(cwd, 'password'),
      inboxPrefix: natsInboxPrefix(role),
      eventStreams,
      ...(role === 'gateway' && { followers: follow }),
    },
    gateway: {
      apiKeys: true,
      issuers: [
        {
          name: 'corp',
          issuer: issuer.url,
          audience: issuer.audience,
          keysUrl: `${issuer.url}/keys`,
          groupRoles: { admins: ['tenant-admin'] },
        },
      ],
    },
  };
  await writeFile(join(cwd, 'troupe.config.json'), JSON.stringify(config));
  const args = [
    ...['--no-samples', '--config', join(cwd, 'troupe.config.json'), '--node-id', name, '--roles', role],
    ...[
      '--data-dir',
      join(cwd, 'data'),
      '--nats',
      `127.0.0.1:${port}`,
      '--port',
      '0',
      '--http-port',
      '0',
      '--web-port',
      '0',
    ],
    ...['--threads', '1', '--handlers', clusterHandlersDir],
  ];
  const node = await startNodeProcess({ name, cwd, args });
  nodes.set(name, node);
  return node;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-followers-'));
  issuer = await startIssuer();
  port = await startServer(-1);
  await startNode('shards', 'shards');
  await Promise.all([startNode('gateway', 'one'), startNode('gateway', 'two')]);
});

afterAll(async () => {
  await Promise.all(open.map((connection) => connection.close()));
  await Promise.all([...nodes.values()].map((node) => node.discard()));
  await killServer();
  await issuer.close();
  await rm(dir, { recursive: true, force: true });
});

async function admin(tenant: string, gateway = 'two'): Promise<TroupeClient> {
  const node = nodes.get(gateway);
  if (node === undefined) throw new Error('no such gateway');
  return node.client({ token: await issuer.sign({ sub: `admin-of-${tenant}`, groups: ['admins'], tenant }) });
}

interface Follower {
  readonly subscription: EventSubscriptionInfo;
  readonly key: string;
  readonly keyId: string;
  readonly user: string;
}

/** A subscription, and a service that may follow it. */
async function followerOf(tenant: string, name: string): Promise<Follower> {
  const client = await admin(tenant);
  const subscription = await client.events.create(name);
  await client.accounts.create(name, { roles: ['follower'] });
  const { key, id } = await client.accounts.createKey(name);
  return { subscription, key, keyId: id, user: `${subscription.login?.user}.${id}` };
}

/** `reconnect`: as a program does that goes on. */
async function login(
  user: string,
  pass: string,
  { inboxPrefix = '_INBOX', reconnect = false }: { readonly inboxPrefix?: string; readonly reconnect?: boolean } = {},
): Promise<NatsConnection> {
  const again = { maxReconnectAttempts: -1, reconnectTimeWait: 100, ignoreAuthErrorAbort: true };
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    user,
    pass,
    inboxPrefix,
    timeout: 10_000,
    ...(reconnect ? again : { reconnect: false }),
  });
  open.push(connection);
  return connection;
}

const enter = ({ subscription, user, key }: Follower, reconnect = false): Promise<NatsConnection> =>
  login(user, key, { inboxPrefix: subscription.login?.inboxPrefix ?? '', reconnect });

/** As the shards publish them, so that a thousand take no thousand runs. */
async function publish(tenant: string, count: number): Promise<string[]> {
  const shards = await connect({
    servers: `127.0.0.1:${port}`,
    user: natsUser('shards'),
    pass: password,
    inboxPrefix: natsInboxPrefix('shards'),
  });
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const jobId = testJobId();
    // Of both streams.
    const subject =
      n % 2 === 0 ? `troupe.events.${tenant}.q.succeeded.${jobId}` : `troupe.kept.1.${tenant}.q.succeeded`;
    await shards.request(subject, JSON.stringify({ jobId, tenant }), { timeout: 30_000 });
    ids.push(jobId);
  }
  await shards.close();
  return ids.sort();
}

/** Reads until all are there. What comes twice counts once. */
async function follow(
  { subscription }: Follower,
  connection: NatsConnection,
  seen: Set<string>,
  until: (seen: ReadonlySet<string>) => boolean,
): Promise<void> {
  const js = jetstream(connection, { apiPrefix: subscription.login?.apiPrefix ?? '' });
  const reading = subscription.streams.map(async (stream) => {
    while (!until(seen)) {
      try {
        const consumer = await js.consumers.get(stream, subscription.consumer);
        for await (const message of await consumer.fetch({ max_messages: 100, expires: 1_000 })) {
          seen.add(message.json<{ readonly jobId: string }>().jobId);
          message.ack();
        }
      } catch {
        // The server, or the gateway that lets it in again, is away.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });
  await Promise.all(reading);
}

describe('a follower', () => {
  let acme: Follower;
  let rival: Follower;
  let connection: NatsConnection;

  beforeAll(async () => {
    [acme, rival] = [await followerOf('acme', 'billing'), await followerOf('rival', 'toString')];
    connection = await enter(acme);
  });

  it('is told how to log in', () => {
    expect(acme.subscription).toMatchObject({ streams, subjects: ['troupe.events.acme.*.*'] });
    expect(acme.subscription.login).toMatchObject({
      servers: [`127.0.0.1:${port}`],
      user: 'acme.billing',
      apiPrefix: 'troupe.api',
    });
    expect(acme.subscription.login?.inboxPrefix).toMatch(/^_INBOX_[0-9a-f]{32}$/u);
  });

  it('reads the events of its tenant and no other, with a stock client', async () => {
    await publish('rival', 10);
    const own = await publish('acme', 10);
    const seen = new Set<string>();
    await follow(acme, connection, seen, ({ size }) => size >= own.length);
    expect([...seen].sort()).toEqual(own);
  });

  it('may use a token of an issuer instead of a key', async () => {
    const token = await issuer.sign({ sub: 'a person', groups: ['admins'], tenant: 'acme' });
    const other = await login('acme.billing', token, { inboxPrefix: acme.subscription.login?.inboxPrefix ?? '' });
    const js = jetstream(other, { apiPrefix: 'troupe.api' });
    const consumer = await js.consumers.get('TROUPE_EVENTS', acme.subscription.consumer);
    expect((await consumer.info()).name).toBe(acme.subscription.consumer);
    await other.close();
  });

  const js = '$JS.API';
  it.each([
    ...[js, 'troupe.api'].flatMap((api) => [
      `${api}.INFO`,
      `${api}.STREAM.NAMES`,
      `${api}.STREAM.LIST`,
      ...['INFO', 'CREATE', 'UPDATE', 'DELETE', 'PURGE', 'SNAPSHOT', 'RESTORE', 'LEADER.STEPDOWN'].map(
        (verb) => `${api}.STREAM.${verb}.TROUPE_EVENTS`,
      ),
      `${api}.STREAM.MSG.GET.TROUPE_EVENTS`,
      `${api}.STREAM.MSG.DELETE.TROUPE_EVENTS`,
      `${api}.STREAM.INFO.TROUPE_WORK`,
      `${api}.STREAM.MSG.GET.KV_troupe_config`,
      `${api}.STREAM.CREATE.MINE`,
      `${api}.DIRECT.GET.TROUPE_EVENTS`,
      `${api}.DIRECT.GET.TROUPE_EVENTS.troupe.events.rival.q.succeeded`,
      `${api}.CONSUMER.CREATE.TROUPE_EVENTS`,
      `${api}.CONSUMER.CREATE.TROUPE_EVENTS.mine`,
      `${api}.CONSUMER.CREATE.TROUPE_EVENTS.mine.troupe.events.rival.>`,
      `${api}.CONSUMER.DURABLE.CREATE.TROUPE_EVENTS.mine`,
      `${api}.CONSUMER.NAMES.TROUPE_EVENTS`,
      `${api}.CONSUMER.LIST.TROUPE_EVENTS`,
      `${api}.CONSUMER.MSG.NEXT.TROUPE_WORK.default=default=2`,
      ...['>', '*', 'a.b', 'toString', '__proto__'].map((name) => `${api}.CONSUMER.MSG.NEXT.TROUPE_EVENTS.${name}`),
    ]),
    `$JS.API.CONSUMER.MSG.NEXT.TROUPE_EVENTS.OWN`,
    ...['DELETE', 'PAUSE', 'UNPIN', 'RESET'].map((verb) => `troupe.api.CONSUMER.${verb}.TROUPE_EVENTS.OWN`),
    'troupe.api.CONSUMER.MSG.NEXT.TROUPE_EVENTS.RIVAL',
    'troupe.api.CONSUMER.INFO.TROUPE_EVENTS.RIVAL',
    '$JS.ACK.TROUPE_EVENTS.RIVAL.1.1.1.1.1',
    '$JS.ACK._._.TROUPE_EVENTS.RIVAL.1.1.1.1.1.1',
    '$JS.ACK.TROUPE_WORK.default=default=2.1.1.1.1.1',
    // One layout of an acknowledgement names another consumer where the other one has the domain, or the tokens at its end.
    ...['TROUPE_WORK.default=default=2', 'TROUPE_EVENTS.RIVAL', 'KV_troupe_config.x'].flatMap((other) => [
      `$JS.ACK.${other}.TROUPE_EVENTS.OWN.1.1.1`,
      `$JS.ACK.TROUPE_EVENTS.OWN.${other}.1.1.1.1.1`,
      `$JS.ACK.TROUPE_EVENTS.OWN.${other}.1.1.1.1.1.1`,
    ]),
    'troupe.events.acme.q.succeeded.x',
    'troupe.events.rival.q.succeeded.x',
    'troupe.kept.1.acme.q.succeeded',
    'troupe.work.acme.q.2',
    'troupe.shard.0.submit',
    'troupe.node.one.stop',
    '$KV.troupe_leases.shard.0',
    '$SYS.REQ.SERVER.PING',
    '$SYS.REQ.ACCOUNT.FOLLOWERS.CONNZ',
    '$SYS.REQ.USER.AUTH',
    '$SRV.PING',
    '_INBOX_RIVAL.x',
    '_INBOX.x',
  ])('is refused to publish to %s', async (template) => {
    const inbox = rival.subscription.login?.inboxPrefix ?? '';
    const subject = template
      .replace('OWN', acme.subscription.consumer)
      .replace('_INBOX_RIVAL', inbox)
      .replace('RIVAL', rival.subscription.consumer);
    const refusal = `Permissions Violation for Publish to "${subject}"`;
    await expect(connection.request(subject, '', { timeout: 30_000 })).rejects.toThrow(refusal);
  });

  it.each([
    '>',
    '*',
    '*.>',
    '_INBOX.>',
    '_INBOX_RIVAL.>',
    '_INBOX_*.>',
    '_INBOX_troupe-gateway.>',
    'troupe.>',
    'troupe.events.acme.>',
    'troupe.events.rival.>',
    '$JS.>',
    '$JS.EVENT.>',
    '$SYS.>',
    '$SYS.REQ.USER.AUTH',
    '_R_.>',
  ])('is refused to hear %s', async (template) => {
    const subject = template.replace('_INBOX_RIVAL', rival.subscription.login?.inboxPrefix ?? '');
    const refused = new Promise((resolve) => {
      connection.subscribe(subject, { callback: (error) => resolve(error) });
    });
    expect(await refused).toBeInstanceOf(PermissionViolationError);
  });

  it('cannot make JetStream say something for it: a reply leads nowhere outside its account', async () => {
    await publish('acme', 6);
    const shards = await connect({
      servers: `127.0.0.1:${port}`,
      user: natsUser('shards'),
      pass: password,
      inboxPrefix: natsInboxPrefix('shards'),
    });
    const info = async (stream: string) =>
      (await shards.request(`$JS.API.STREAM.INFO.${stream}`, '', { timeout: 10_000 })).json<{
        readonly state: { readonly last_seq: number };
      }>().state.last_seq;
    const before = [await info('TROUPE_EVENTS'), await info('TROUPE_WORK')];
    const rivals = (await (await admin('rival')).events.get('toString')).backlog;
    const targets = [
      'troupe.events.rival.q.succeeded.forged',
      'troupe.work.rival.q.2',
      'troupe.shard.0.submit',
      '$JS.API.STREAM.DELETE.TROUPE_WORK',
      '$JS.API.STREAM.PURGE.TROUPE_EVENTS',
      `$JS.ACK.TROUPE_EVENTS.${rival.subscription.consumer}.1.1.1.1.1`,
      `troupe.api.CONSUMER.MSG.NEXT.TROUPE_EVENTS.${rival.subscription.consumer}`,
    ];
    const asks = ['CONSUMER.MSG.NEXT', 'CONSUMER.INFO'].map(
      (verb) => `troupe.api.${verb}.TROUPE_EVENTS.${acme.subscription.consumer}`,
    );
    for (const reply of targets)
      for (const subject of asks) connection.publish(subject, '{"batch":1,"no_wait":true}', { reply });
    await connection.flush();
    // What was asked before has been answered, wherever to.
    await connection.request(asks[1] ?? '', '', { timeout: 10_000 });
    expect([await info('TROUPE_EVENTS'), await info('TROUPE_WORK')]).toEqual(before);
    expect((await (await admin('rival')).events.get('toString')).backlog).toEqual(rivals);
    await shards.close();
  });

  it.each([
    ['no credential', '', ''],
    ['a wrong key', 'USER', 'trp_x'],
    ['the key of another tenant', 'USER', 'RIVALKEY'],
    ['another subscription', 'acme.other.KEYID', 'KEY'],
    ['the subscription of another tenant', 'rival.toString.KEYID', 'KEY'],
    ['a user without the id of the key', 'acme.billing', 'KEY'],
    ['the id of another key', 'acme.billing.0123456789abcde', 'KEY'],
    ['a pattern', 'acme.*.KEYID', 'KEY'],
    ['everything', '>', 'KEY'],
    ['the name of a node', natsUser('gateway'), 'KEY'],
    ['a name that is in every object', 'acme.__proto__.KEYID', 'KEY'],
  ])('is not let in with %s', async (_what, user, pass) => {
    const fill = (template: string): string =>
      template
        .replace('RIVALKEY', rival.key)
        .replace('USER', acme.user)
        .replace('KEYID', acme.keyId)
        .replace(/^KEY$/u, acme.key);
    await expect(login(fill(user), fill(pass))).rejects.toThrow(/authorization/i);
  });

  it('is not let in without the permission', async () => {
    const client = await admin('acme');
    await client.accounts.create('viewer', { roles: ['viewer'] });
    const { key, id } = await client.accounts.createKey('viewer');
    await expect(login(`acme.billing.${id}`, key)).rejects.toThrow(/authorization/i);
  });
});

it('follows 1,000 events while a gateway and the server are killed', async () => {
  const follower = await followerOf('steady', 'all');
  const connection = await enter(follower, true);
  const seen = new Set<string>();
  const wanted: string[] = [];
  let isDone = false;
  const reading = follow(follower, connection, seen, ({ size }) => isDone && size >= wanted.length);
  wanted.push(...(await publish('steady', 400)));
  await nodes.get('one')?.kill();
  wanted.push(...(await publish('steady', 300)));
  await killServer();
  await startServer(port);
  // A gateway of the two is left to let it in again.
  wanted.push(...(await publish('steady', 300)));
  isDone = true;
  await reading;
  expect([...seen].sort()).toEqual(wanted.toSorted());
  await startNode('gateway', 'one');
});

it('is out within a minute when its key is revoked, whichever gateway let it in', async () => {
  const follower = await followerOf('brief', 'all');
  const other = await followerOf('brief', 'more');
  const [first, second] = [await enter(follower), await enter(other)];
  await (await admin('brief')).accounts.revokeKey('all', follower.keyId);
  // Perhaps it was this one.
  await nodes.get('one')?.kill();
  await waitFor('its connection has ended', async () => first.isClosed() || undefined, 60_000);
  const isRefused = (): Promise<true | undefined> =>
    login(follower.user, follower.key).then(
      (connection) => connection.close().then(() => undefined),
      () => true,
    );
  await waitFor('the key is not accepted any more', isRefused, 60_000);
  expect(second.isClosed()).toBe(false);
});

it('is out when its token expires', async () => {
  const { subscription } = await followerOf('short', 'all');
  const exp = Math.floor(Date.now() / 1_000) + 5;
  const token = await issuer.sign({ sub: 'a person', groups: ['admins'], tenant: 'short', exp });
  const connection = await login('short.all', token, { inboxPrefix: subscription.login?.inboxPrefix ?? '' });
  await connection.closed();
  expect(Math.floor(Date.now() / 1_000)).toBeGreaterThanOrEqual(exp);
});

it('logs in again by itself when its login has ended, with a token that is valid then', async () => {
  const follower = await followerOf('renewed', 'all');
  const tokenUntil = (ms: number): Promise<string> =>
    issuer.sign({ sub: 'a person', groups: ['admins'], tenant: 'renewed', exp: Math.floor((Date.now() + ms) / 1_000) });
  let token = await tokenUntil(5_000);
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    authenticator: usernamePasswordAuthenticator('renewed.all', () => token),
    inboxPrefix: follower.subscription.login?.inboxPrefix ?? '',
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    ignoreAuthErrorAbort: true,
  });
  open.push(connection);
  const again = linkedAgain(connection);
  token = await tokenUntil(600_000);
  await again;
  const wanted = await publish('renewed', 10);
  const seen = new Set<string>();
  await follow(follower, connection, seen, ({ size }) => size >= wanted.length);
  expect([...seen].sort()).toEqual(wanted);
});

it('is out when its subscription ends', async () => {
  const follower = await followerOf('gone', 'all');
  const connection = await enter(follower);
  await (await admin('gone')).events.delete('all');
  await connection.closed();
  await expect(enter(follower)).rejects.toThrow(/authorization/i);
});
