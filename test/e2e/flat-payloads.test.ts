// A payload that is larger than what a gateway may hold goes through it as a stream: in, out, and from a job to its copy.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { growthMib, peaksAreTold } from '../support/peak-memory.ts';

const mib = 1_048_576;
const bytes = 192 * mib;
/** Measured for 300 MiB: 71 MiB while it comes in, 23 while it goes out, 30 while it is copied, 0 for GetJob. */
const growthMaxMib = 144;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

it('holds a part of it at a time, never the whole', { timeout: 300_000 }, async ({ skip }) => {
  if (!peaksAreTold) skip('only Linux tells the peak of a process');
  await cluster.startNode('shards', { roles: ['shards'] });
  const settings = { 'gateway.payloadMaxBytes': bytes, 'gateway.bytesInFlightMax': bytes };
  const edge = await cluster.startNode('edge', { roles: ['gateway'], settings });
  // Only its handlers are needed, so that jobs are accepted.
  await cluster.startNode('workers', { roles: ['workers'], threads: 1 });
  const client = edge.client();
  const warm = await client.submit('test.echo', 1);
  await client.wait(warm.jobId);
  const open = async function* (): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < bytes; at += mib) yield new Uint8Array(mib).fill(at / mib);
  };
  const runAt = new Date(Date.now() + 3_600_000);
  let jobId = '';
  const [came = Infinity] = await growthMib([edge.pid], async () => {
    ({ jobId } = await client.submitStream('test.echo', { bytes, open }, { runAt }));
  });
  let read = 0;
  const [went = Infinity] = await growthMib([edge.pid], async () => {
    for await (const piece of client.download(jobId, { payload: 'input' })) read += piece.byteLength;
  });
  const [looked = Infinity] = await growthMib([edge.pid], async () => {
    expect(await client.get(jobId)).toMatchObject({ inputLargeBytes: bytes });
  });
  await client.cancel(jobId);
  // Its handler would get the copy whole, and the worker refuses one so large.
  await client.queues.pause('default');
  const [copied = Infinity] = await growthMib([edge.pid], async () => {
    const { jobId: copy } = await client.retry(jobId, { timeoutMs: 120_000 });
    await client.cancel(copy);
  });
  expect(read).toBe(bytes);
  for (const [what, mibMore] of Object.entries({ came, went, looked, copied })) {
    expect(mibMore, what).toBeLessThan(growthMaxMib);
  }
});
