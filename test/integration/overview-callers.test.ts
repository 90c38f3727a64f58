// Who sees what of the overview and of many jobs: by permission, by queue, by tenant; and what looking costs.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { nodeStateCodes } from '../../src/contract/codes.ts';
import type * as wire from '../../src/contract/messages.ts';
import type { Permission } from '../../src/domain/access/permission.ts';
import type { Principal } from '../../src/domain/access/principal.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import { loadContract } from '../../src/contract/codec.ts';
import { callerWith } from '../support/callers.ts';
import { rawCall, rawClient } from '../support/raw-calls.ts';
import { type Edge, openEdge, openToAll, shardCount } from './gateway-edge.ts';

const all: readonly Permission[] = ['jobs.submit', 'jobs.read', 'queues.read', 'queues.manage', 'payloads.read'];

function only(queues: string, held: readonly Permission[]): Principal {
  const onlyIn = new Map(held.map((permission) => [permission, [queues]] as const));
  return { ...callerWith(held, 'acme'), onlyIn };
}

/** By token. */
const callers: Readonly<Record<string, Principal>> = {
  operator: callerWith([...all, 'cluster.read'], 'acme'),
  tenant: callerWith(all, 'acme'),
  other: callerWith(all, 'acme'),
  figures: callerWith(['queues.read'], 'acme'),
  jobs: callerWith(['jobs.read'], 'acme'),
  reports: only('reports-*', ['queues.read', 'jobs.read']),
  rival: callerWith(all, 'rival'),
};

let edge: Edge;
const clients = new Map<string, TroupeClient>();
const ids: Record<string, string> = {};

function as(caller: string): TroupeClient {
  const client = clients.get(caller) ?? edge.client({ token: caller, retry: { maxAttempts: 1 } });
  clients.set(caller, client);
  return client;
}

beforeAll(async () => {
  edge = await openEdge();
  edge.authenticator = {
    ...openToAll,
    looksAtCredentials: true,
    authenticate(bearer = '') {
      const found = new Map(Object.entries(callers)).get(bearer);
      if (found === undefined) throw new TroupeError('TOKEN_INVALID');
      return found;
    },
  };
  const described = {
    id: 'w1',
    state: nodeStateCodes.live,
    roles: ['workers'],
    slotsTotal: 4,
    runs: 1,
    version: '1.2.3',
  };
  const info = {
    nodeId: 'w1',
    incarnation: 1,
    roles: ['workers', 'shards'],
    weight: 1,
    slots: 4,
    workerClass: '',
  } as const;
  const shards = Array.from({ length: shardCount }, (_, number) => ({ number, state: 1 }) as wire.Shard);
  edge.nodes.set('w1', {
    info: { ...info, handlers: [], draining: false, version: '1.2.3' },
    answers: { describe: () => described as unknown as wire.Node, shards: () => shards },
  });
  for (const queue of ['reports-a', 'reports-b', 'secret']) {
    await as('tenant').queues.create(queue);
    const { jobId } = await as('tenant').submit('test.echo', { of: queue }, { queue });
    ids[queue] = jobId;
  }
  await as('rival').queues.create('default');
  ids['rival'] = (await as('rival').submit('test.echo', 1)).jobId;
});
afterAll(() => edge.close());

describe('the overview', () => {
  it('has slots and nodes for callers with cluster.read alone, and says so to others', async () => {
    expect((await as('operator').cluster.overview()).cluster).toMatchObject({ slotsTotal: 4, slotsFree: 3 });
    const page = await as('figures').cluster.overview();
    expect(page).not.toHaveProperty('cluster');
    expect(page.totals.waiting).toBe(3);
    expect(JSON.stringify(page)).not.toMatch(/w1|1\.2\.3/);
    await expect(as('jobs').cluster.overview()).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
  });

  it('has some queues alone, in sums and counts too, for callers with a role in these', async () => {
    const page = await as('reports').cluster.overview();
    expect(page.queues.map(({ name }) => name).toSorted()).toEqual(['reports-a', 'reports-b']);
    expect([page.totals.waiting, page.queuesTotal, page.queuesMatching]).toEqual([2, 2, 2]);
    expect(JSON.stringify(page)).not.toContain('secret');
    const searched = await as('reports').cluster.overview({ queueContains: 'SEC' });
    expect([searched.queues, searched.queuesMatching, searched.queuesTotal]).toEqual([[], 0, 2]);
  });

  it('has nothing of other tenants', async () => {
    const page = await as('rival').cluster.overview();
    expect(page.queues.map(({ name }) => name)).toEqual(['default']);
    expect(page.totals.waiting).toBe(1);
  });

  it('lists what a search asks for, and sums of all', async () => {
    const page = await as('tenant').cluster.overview({ queueContains: 'Ts-A' });
    expect(page.queues.map(({ name }) => name)).toEqual(['reports-a']);
    expect([page.totals.waiting, page.queuesTotal, page.queuesMatching]).toEqual([3, 3, 1]);
    await expect(as('tenant').cluster.overview({ queueContains: 'x'.repeat(65) })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'queue_contains' }],
    });
  });

  it('is asked of each shard once, however many look while it is made', async () => {
    const hour = { token: 'tenant' };
    const fresh = await edge.openGateway();
    const viewers = Array.from({ length: 20 }, (_, n) =>
      edge.client({ ...hour, token: n % 2 === 0 ? 'tenant' : 'other', address: `127.0.0.1:${fresh.port}` }),
    );
    let release = (): void => undefined;
    edge.hold = new Promise((resolve) => (release = resolve));
    const before = edge.batches.length;
    // Another tenant and other patterns are asked for apart.
    const pages = viewers.map((viewer) => viewer.cluster.overview());
    const apart = [as('rival').cluster.overview(), as('reports').cluster.overview()];
    release();
    edge.hold = undefined;
    await Promise.all([...pages, ...apart]);
    const surveys = edge.batches.slice(before).filter(({ verb }) => verb === 'survey');
    const asked = surveys.reduce((sum, { items }) => sum + items, 0);
    expect(asked).toBeLessThanOrEqual(3 * shardCount);
    expect(new Set((await Promise.all(pages)).map((page) => page.totals.waiting))).toEqual(new Set([3]));
  });
});

describe('many jobs', () => {
  const asked = () => Object.values(ids);

  it('are missing alike if they are foreign, hidden or none', async () => {
    const { jobs, missing } = await as('reports').getMany(asked());
    expect(jobs.map(({ queue }) => queue)).toEqual(['reports-a', 'reports-b']);
    expect(missing).toEqual([ids['secret'], ids['rival']]);
    expect((await as('rival').getMany(asked())).missing).toHaveLength(3);
    await expect(as('figures').getMany(asked())).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
  });

  it('have their payloads if the mask names them and the caller may read them', async () => {
    const { jobs } = await as('tenant').getMany(asked(), { payloads: true });
    expect(jobs.map(({ input }) => input)).toEqual([{ of: 'reports-a' }, { of: 'reports-b' }, { of: 'secret' }]);
    const { jobs: withheld } = await as('jobs').getMany(asked(), { payloads: true });
    expect(withheld.map(({ input, inputWithheldBytes }) => [input, inputWithheldBytes])).toEqual([
      [undefined, 18],
      [undefined, 18],
      [undefined, 15],
    ]);
  });

  it('have the fields that the mask names; a path that names none is refused by its name', async () => {
    const { jobs: codecs } = loadContract();
    const raw = rawClient(`127.0.0.1:${edge.port}`);
    const read = (...paths: readonly string[]) =>
      rawCall(raw, codecs.GetJobs as never, { jobIds: asked(), readMask: { paths } }, ['tenant']);
    const refused = await read('state', 'spec.handler', 'no_such', 'spec.input.none', 'waiting', 'labels.x');
    expect(refused.reason).toBe('INVALID_ARGUMENT');
    const said = refused.trailers['grpc-status-details-bin'];
    for (const path of ['no_such', 'spec.input.none', 'labels.x']) expect(said).toContain(`no field ${path} of a job`);
    expect(said).toContain('waiting cannot be read of many jobs');
    const { message } = await read('state', 'spec.handler', 'spec.labels', 'history');
    const [job] = (message as wire.GetJobsResponse).jobs;
    expect(job).toMatchObject({
      id: ids['reports-a'],
      state: 2,
      spec: { handler: 'test.echo', queue: '', input: null },
    });
    expect(job?.history).toHaveLength(1);
    expect(job).toMatchObject({ seq: 0, createTime: null, attempts: [] });
    const whole = await read('spec');
    expect((whole.message as wire.GetJobsResponse).jobs[0]?.spec).toMatchObject({ queue: 'reports-a', input: null });
    raw.close();
  });

  it('are 1 to 200 at a time', async () => {
    const { jobs: codecs } = loadContract();
    const raw = rawClient(`127.0.0.1:${edge.port}`);
    for (const count of [0, 201]) {
      const jobIds = Array.from({ length: count }, (_, n) => `id-${n}`);
      expect((await rawCall(raw, codecs.GetJobs as never, { jobIds }, ['tenant'])).reason).toBe('INVALID_ARGUMENT');
    }
    raw.close();
    const many = Array.from({ length: 450 }, (_, n) => `id-${n}`);
    expect((await as('tenant').getMany(many)).missing).toEqual(many);
  });
});
