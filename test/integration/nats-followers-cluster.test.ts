// Followers on three servers: whichever a follower has reached, the one gateway lets it in, sees it, and can end its connection.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAccount, createCurve } from '@nats-io/nkeys';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { natsRoles, natsUser } from '../../infra/src/objects/names.ts';
import { natsAccounts, natsInboxPrefix, natsPasswordVariable } from '../../infra/src/objects/nats-accounts.ts';
import { systemPasswordVariable, systemUser } from '../../infra/src/objects/nats-followers.ts';
import { openFollowerDoor } from '../../src/adapters/nats/follower-door.ts';
import { type NatsLink, openLink } from '../../src/adapters/nats/link.ts';
import type { FollowerAttempt, FollowerDoor } from '../../src/application/ports/follower-door.ts';
import { followerPermissions } from '../../src/domain/event-follower.ts';
import { eventually, natsTestClock, natsTestLog } from '../support/nats.ts';
import { type NatsCluster, startNatsCluster } from '../support/nats-cluster.ts';

const password = 'of-the-nodes';
const [signing, sealing] = [createAccount(), createCurve()];
let dir: string;
let cluster: NatsCluster;
let link: NatsLink;
let door: FollowerDoor;
const followers = new Map<string, NatsConnection>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-followers-'));
  const path = (name: string): string => join(dir, name);
  await writeFile(path('signing'), signing.getSeed());
  await writeFile(path('sealing'), sealing.getSeed());
  await writeFile(path('password'), password);
  const keys = { issuer: signing.getPublicKey(), sealing: sealing.getPublicKey() };
  const settings = Object.entries(natsAccounts(1, keys)).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  const variables = [...natsRoles.map(natsPasswordVariable), systemPasswordVariable];
  cluster = await startNatsCluster({
    settings: settings.join('\n').replaceAll(/"<< (.*?) >>"/g, '$1'),
    env: Object.fromEntries(variables.map((name) => [name, password])),
    login: { user: natsUser('gateway'), pass: password },
  });
  const [first = ''] = cluster.servers;
  const options = {
    servers: [cluster.urlOf(first)],
    name: 'test',
    inboxPrefix: natsInboxPrefix('gateway'),
    connectTimeoutMs: 15_000,
    clock: natsTestClock,
    log: natsTestLog,
  };
  const login = (user: string) => ({ kind: 'user', user, passwordPath: path('password') }) as const;
  link = await openLink({ ...options, login: login(natsUser('gateway')) });
  door = await openFollowerDoor(link, {
    signingSeedPath: path('signing'),
    sealingSeedPath: path('sealing'),
    system: { ...options, login: login(systemUser) },
    clock: natsTestClock,
    log: natsTestLog,
  });
});

afterAll(async () => {
  await Promise.all([...followers.values()].map((connection) => connection.close()));
  await door.close();
  await link.close();
  await cluster.stop();
  await rm(dir, { recursive: true, force: true });
});

it('are let in at every server, seen, and ended one by one', async () => {
  const attempts: FollowerAttempt[] = [];
  const close = door.open(async (attempt) => {
    attempts.push(attempt);
    const followed = { streams: ['E'], consumer: 'c', apiPrefix: 'troupe.api', inboxPrefix: '_INBOX_x' };
    return { ...followerPermissions(followed), expiresAtMs: Date.now() + 60_000 };
  });
  for (const server of cluster.servers) {
    // A server that knows no gateway yet lets nobody in.
    await eventually(async () => {
      const opening = connect({
        servers: cluster.urlOf(server),
        user: `t.${server}`,
        pass: 'secret',
        reconnect: false,
      });
      const connection = await opening.catch(() => undefined);
      if (connection !== undefined) followers.set(`t.${server}`, connection);
      return connection !== undefined;
    });
  }
  expect(attempts.every(({ password: shown }) => shown === 'secret')).toBe(true);
  const users = async (): Promise<readonly string[]> => (await door.connections()).map(({ user }) => user).toSorted();
  const all = [...followers.keys()].toSorted();
  await eventually(async () => (await users()).join() === all.join());
  const [, second = '', third = ''] = all;
  for (const connection of await door.connections()) if (connection.user === second) await connection.end();
  await followers.get(second)?.closed();
  await eventually(async () => !(await users()).includes(second));
  expect(await users()).toContain(third);
  expect(followers.get(third)?.isClosed()).toBe(false);
  close();
});
