// A payload of 2 GiB on its way through a cluster: as memory it is a few pieces, whatever its size.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { peaksAreTold } from '../support/peak-memory.ts';
import { passThrough, startStreamedCluster, type StreamedCluster } from '../support/streamed-cluster.ts';

const mib = 1 << 20;
const testMs = 900_000;
/** An eighth of the payload. What is held is far less; the rest is memory that is not collected yet. */
const growthMaxMib = 256;

let streamed: StreamedCluster;
beforeAll(async () => {
  streamed = await startStreamedCluster();
}, 60_000);
afterAll(() => streamed.cluster.stop());

it('goes through gateway, worker and cell, and none of them grows with it', { timeout: testMs }, async ({ skip }) => {
  if (!peaksAreTold) skip('only Linux tells the peak of a process');
  await passThrough(streamed, 4 * mib, 60_000);
  const beganMs = performance.now();
  const { growth, state, isSame } = await passThrough(streamed, 2_048 * mib, testMs);
  const tookMs = Math.round(performance.now() - beganMs);
  process.stderr.write(`measured: 2 GiB in ${tookMs} ms; growth in MiB ${JSON.stringify(growth)}\n`);
  expect([state, isSame]).toEqual(['SUCCEEDED', true]);
  for (const [process, mibMore] of Object.entries(growth)) expect(mibMore, process).toBeLessThan(growthMaxMib);
});
