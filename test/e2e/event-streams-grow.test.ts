/**
 * More streams of events in a running cluster: the shards die (`kill -9`), the gateway is restarted with more streams
 * first, and the shards come back with them, while a job runs. Its events lie in two streams, and every kind of reader sees all of them.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { type CloudEventSeen, type EventSubscriber, readEvent, subscribeLive } from '../support/cluster-events.ts';

/** With three, the queue `default` moves to the last one. */
const more = { 'nats.eventStreams': 3 };

let cluster: TestCluster;
let live: EventSubscriber;

beforeAll(async () => {
  cluster = await startCluster();
  live = await subscribeLive(cluster.broker.url, cluster.root);
});
afterAll(async () => {
  await live.close();
  await cluster.stop();
});

/** What a durable subscriber of this stream gets from its beginning. */
async function keptIn(stream: string): Promise<readonly CloudEventSeen[]> {
  const connection = await connect({ servers: cluster.broker.url });
  const { streams } = await jetstreamManager(connection);
  const { state } = await streams.info(stream);
  const seen: CloudEventSeen[] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await streams.getMessage(stream, { seq });
    if (message !== null) seen.push(readEvent({ headers: message.header, json: () => message.json() }));
  }
  await connection.close();
  return seen;
}

it('no event is missed by watches, live and durable subscribers, and nothing that lies anywhere is lost', async () => {
  const [edge, shards] = await Promise.all([
    cluster.startNode('edge', { roles: ['gateway'] }),
    cluster.startNode('shards', { roles: ['shards'] }),
    cluster.startNode('workers', { roles: ['workers'] }),
  ]);
  const client = edge.client();
  const before = new AbortController();
  const updates = client.watchJobs({ signal: before.signal });
  const first = await updates[Symbol.asyncIterator]().next();
  const token = first.done === true ? '' : first.value.resumeToken;
  before.abort();

  const gate = join(cluster.dir, 'gate');
  const { jobId } = await client.submit('test.hold', { gate, ledger: join(cluster.dir, 'ledger') });
  await cluster.waitFor('it runs', async () => (await client.get(jobId)).state === 'RUNNING', 60_000);
  // The leases of the shards run out while the gateway starts, which has the streams before anybody publishes there.
  await Promise.all([edge.stop(), shards.kill()]);
  const laterEdge = await cluster.restartNode(edge, { settings: more });
  await cluster.restartNode(shards, { settings: more });
  await writeFile(gate, '');
  const later = laterEdge.client();
  expect(await later.wait(jobId)).toMatchObject({ state: 'SUCCEEDED' });

  const after = new AbortController();
  const seen = [];
  for await (const { job, gap } of later.watchJobs({ resumeToken: token, signal: after.signal })) {
    expect(gap).toBe(false);
    if (job === undefined) continue;
    seen.push(job.id);
    if (job.state === 'SUCCEEDED') break;
  }
  expect(new Set(seen)).toEqual(new Set([jobId]));

  const upper = cluster.root.toUpperCase();
  const [old, present] = [await keptIn(`${upper}_EVENTS`), await keptIn(`${upper}_EVENTS_2`)];
  expect(old.map(({ type }) => type)).toEqual(['queued', 'started']);
  expect(present.map(({ type }) => type)).toContain('succeeded');
  // As the page on events says: the former stream first, and of each job only what is newer than the newest.
  let newest = 0;
  const told = [...old, ...present].filter(({ seq }) => seq > newest && (newest = seq));
  expect(told.map(({ seq, id }) => [seq, id])).toEqual([1, 2, 3].map((seq) => [seq, `${jobId}.${seq}`]));
  expect(await keptIn(`${upper}_EVENTS_1`)).toEqual([]);
  expect(new Set(live.ofJob(jobId).map(({ seq }) => seq))).toEqual(new Set([1, 2, 3]));
}, 180_000);
