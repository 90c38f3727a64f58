/** Hundreds of downloads that nobody reads, of a real process: its memory is bounded, and other calls go on. */
import { execFileSync } from 'node:child_process';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadContract } from '../../src/contract/codec.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';

const mib = 1_048_576;
const downloads = 400;
/** The budget, as much again for what is read of the store and copied, and room for what V8 keeps. */
const growthMaxMib = 512;
const { jobs } = loadContract();

let cluster: TestCluster;
let node: TestNode;
beforeAll(async () => {
  cluster = await startCluster();
  node = await cluster.startNode('one');
});
afterAll(() => cluster.stop());

function residentMib(): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(node.pid)], { encoding: 'utf8' })) / 1_024;
}

it('holds a bounded number of bytes for them', async () => {
  const troupe = node.client();
  const { jobId } = await troupe.submit('test.echo', new Uint8Array(6 * mib));
  await troupe.wait(jobId);
  const before = residentMib();
  const asBytes = (bytes: Buffer): Buffer => bytes;
  const request = jobs.DownloadPayload.requestSerialize({ jobId });
  const clients = Array.from({ length: 40 }, () => new Client(node.address ?? '', credentials.createInsecure()));
  const codes: number[] = [];
  const begun = clients.flatMap((client) =>
    Array.from({ length: downloads / clients.length }, () => {
      const call = client.makeServerStreamRequest(jobs.DownloadPayload.path, asBytes, asBytes, request);
      call.on('error', () => undefined);
      const first = new Promise((resolve) => call.once('readable', resolve).once('status', resolve));
      call.on('status', ({ code }) => codes.push(code));
      return { call, first };
    }),
  );
  await Promise.all(begun.map(({ first }) => first));
  await cluster.waitFor('most are sent away', () => codes.length > downloads / 2, 30_000);
  expect(await troupe.get(jobId)).toMatchObject({ state: 'SUCCEEDED' });
  expect((await troupe.submit('test.echo', 1)).duplicate).toBe(false);
  expect(residentMib() - before).toBeLessThan(growthMaxMib);
  for (const { call } of begun) call.cancel();
  let bytes = 0;
  for await (const piece of troupe.download(jobId)) bytes += piece.length;
  expect(bytes).toBe(6 * mib);
  for (const client of clients) client.close();
});
