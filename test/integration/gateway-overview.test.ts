// The overview and many jobs at once, through the real gateway.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NodeInfo } from '../../src/application/ports/membership.ts';
import type * as wire from '../../src/contract/messages.ts';
import { nodeStateCodes } from '../../src/contract/codes.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { type Edge, openEdge, shardCount, until } from './gateway-edge.ts';

let edge: Edge;
let client: TroupeClient;

beforeAll(async () => {
  edge = await openEdge();
  client = edge.client({ retry: { maxAttempts: 1 } });
});
afterAll(() => edge.close());

const info: NodeInfo = {
  nodeId: 'w1',
  incarnation: 1,
  roles: ['workers', 'shards'],
  weight: 1,
  slots: 4,
  workerClass: '',
  handlers: [],
  draining: false,
  version: '1.2.3',
};

const described: wire.Node = {
  id: 'w1',
  incarnation: 1,
  state: nodeStateCodes.live,
  roles: ['workers', 'shards'],
  version: '1.2.3',
  startTime: null,
  slotsTotal: 4,
  slotsFree: 6,
  runs: 1,
  handlers: [],
  shards: 4,
  eventLoopUtilization: 0,
  rssBytes: 0,
  machineLoad: 0,
  workerClass: '',
};

function owned(number: number): wire.Shard {
  return {
    number,
    state: 1,
    node: 'w1',
    epoch: 1,
    leaseAge: null,
    jobs: [],
    backlog: 0,
    undurable: 0,
    outbox: 0,
    lastCommitAge: null,
  };
}

describe('the overview', () => {
  beforeEach(() => {
    const shards = Array.from({ length: shardCount }, (_, number) => owned(number));
    edge.nodes.set('w1', { info, answers: { describe: () => described, shards: () => shards } });
  });

  it('says that all is well, and shows queues, slots and versions', async () => {
    await client.queues.create('reports', { maxDepth: 10, flow: { maxRunning: 3 } });
    await client.submit('test.echo', 1, { queue: 'reports' });
    await until('the job is counted', async () => (await client.cluster.overview()).totals.waiting === 1);
    const page = await client.cluster.overview();
    expect(page.workFlows.grade).toBe('good');
    expect(page.figuresFresh).toMatchObject({ grade: 'good', command: '' });
    expect(page.alerts).toEqual([]);
    expect(page.queues[0]).toMatchObject({ name: 'reports', waiting: 1, maxDepth: 10, maxRunning: 3, paused: false });
    expect(page.queues[0]?.oldestAgeMs).toBeGreaterThanOrEqual(0);
    expect(page.cluster).toMatchObject({ slotsTotal: 4, slotsUsed: 1, slotsFree: 3, shardsUnowned: 0 });
    expect(page.cluster?.nodes).toEqual([{ state: 'live', version: '1.2.3', nodes: 1 }]);
    expect([page.shards, page.silentShards]).toEqual([shardCount, 0]);
  });
});

describe('many jobs at once', () => {
  it('are returned in order, each once, and those that are missing are named and fail nothing', async () => {
    const [first, second] = [await client.submit('test.echo', 1), await client.submit('test.echo', 2)];
    const absent = `${first.jobId.slice(0, -6)}000000`;
    const asked = [second.jobId, absent, first.jobId, second.jobId, 'no id'];
    const { jobs, missing } = await client.getMany(asked);
    expect(jobs.map(({ id }) => id)).toEqual([second.jobId, first.jobId]);
    expect(missing).toEqual([absent, 'no id']);
    expect(jobs[0]).toMatchObject({ handler: 'test.echo', state: 'QUEUED' });
    expect(jobs[0]).not.toHaveProperty('input');
    const { jobs: whole } = await client.getMany([first.jobId], { payloads: true });
    expect(whole[0]).toMatchObject({ input: 1, handler: 'test.echo', state: 'QUEUED' });
  });
});
