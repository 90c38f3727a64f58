// Large payloads of a cluster lie in a bucket: they go in and come out through any gateway, and the store has none of them.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { clusterHandlersDir, startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { makeS3Harness, type S3Harness } from '../support/s3-payloads.ts';
import { largePayloads } from '../support/file-payloads.ts';
import { madeBytes, streamHandlersDir } from '../support/streamed-cluster.ts';

const secret = 'the secret of this test';
let s3: S3Harness | undefined;
let lack = '';
let cluster: TestCluster | undefined;
let nodes: readonly TestNode[] = [];

beforeAll(async () => {
  const made = await makeS3Harness();
  if ('lack' in made) {
    lack = made.lack;
    return;
  }
  s3 = made;
  const { endpoint = '', bucket, prefix } = made.access;
  const settings: Record<string, string> = {
    'objects.kind': 's3',
    'objects.s3.endpoint': endpoint,
    'objects.s3.bucket': bucket,
    'objects.s3.prefix': prefix,
    'objects.s3.pathStyle': 'true',
    'objects.s3.accessKeyId': 'test',
  };
  cluster = await startCluster();
  settings['objects.s3.secretAccessKeyPath'] = join(cluster.dir, 'secret');
  writeFileSync(join(cluster.dir, 'secret'), `${secret}\n`);
  const edge = ['gateway'] as const;
  nodes = [
    await cluster.startNode('one', { settings, handlerDirs: [clusterHandlersDir, streamHandlersDir] }),
    await cluster.startNode('edge', { settings, roles: [...edge] }),
  ];
}, 1_200_000);
afterAll(async () => {
  await cluster?.stop();
  await s3?.dispose();
});
beforeEach(({ skip }) => {
  if (s3 === undefined) skip(lack);
});

it('as what a handler reads and writes piece by piece', async () => {
  const [one] = nodes.map((node) => node.client());
  if (one === undefined || s3 === undefined || cluster === undefined) throw new Error(lack);
  const bytes = 20 * 1_048_576 + 7;
  const digests = [createHash('sha256'), createHash('sha256')] as const;
  const open = async function* (): AsyncGenerator<Uint8Array, void> {
    for await (const piece of madeBytes(bytes)) {
      digests[0].update(piece);
      yield piece;
    }
  };
  const { jobId } = await one.submitStream('stream.copies', { bytes, open });
  expect(await one.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', outputLargeBytes: bytes });
  for await (const piece of one.download(jobId)) digests[1].update(piece);
  const [sent, read] = digests.map((digest) => digest.digest('hex'));
  expect(read).toBe(sent);
  expect([(await s3.keys()).length, largePayloads(cluster.sqlitePath)]).toEqual([2, []]);
  await one.erasePayloads(jobId);
});

it('as streams and as JSON, until they are erased; small payloads need no bucket; no log has the secret', async () => {
  const [one, edge] = nodes.map((node) => node.client());
  if (one === undefined || edge === undefined || s3 === undefined || cluster === undefined) throw new Error(lack);
  const text = 'x'.repeat(2_000_000);
  const { jobId } = await one.submit('test.echo', { text });
  expect(await edge.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', output: { text } });
  const bytes = Buffer.alloc(9_000_000, 'y');
  const open = async function* (): AsyncGenerator<Uint8Array, void> {
    for (let from = 0; from < bytes.byteLength; from += 500_000) yield bytes.subarray(from, from + 500_000);
  };
  const streamed = await edge.submitStream('test.echo', { bytes: bytes.byteLength, open });
  expect(await one.wait(streamed.jobId)).toMatchObject({ state: 'SUCCEEDED' });
  const pieces: Uint8Array[] = [];
  for await (const piece of one.download(streamed.jobId)) pieces.push(piece);
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  expect([(await s3.keys()).length, largePayloads(cluster.sqlitePath)]).toEqual([4, []]);
  for (const id of [jobId, streamed.jobId]) await edge.erasePayloads(id);
  expect(await s3.keys()).toEqual([]);

  await s3.stopServer();
  const large = one.submit('test.echo', { text }, { timeoutMs: 30_000 });
  await expect(large).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  const small = await one.submit('test.echo', { hello: 1 });
  expect(await edge.wait(small.jobId)).toMatchObject({ state: 'SUCCEEDED', output: { hello: 1 } });
  const logs = nodes.flatMap(({ lines }) => lines.map((line) => line.text)).join('\n');
  expect(logs).not.toContain(secret);
});
