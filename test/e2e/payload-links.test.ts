// Inputs and outputs of a cluster of real processes that go to and from a bucket by links, and what is left when processes die
// in between. Before gofakes3 stands what checks signatures and checksums as S3 does.
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { BegunUpload, TroupeClient } from '../../src/client/index.ts';
import { clusterHandlersDir, startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { makeS3Harness, type S3Harness } from '../support/s3-payloads.ts';
import { streamHandlersDir } from '../support/streamed-cluster.ts';
import { startStrictS3, type StrictS3 } from '../support/strict-s3.ts';

let s3: S3Harness | undefined;
let strict: StrictS3 | undefined;
let lack = '';
let running: TestCluster | undefined;
let cluster: TestCluster;
let one: TestNode;
let edge: TestNode;

beforeAll(async () => {
  const made = await makeS3Harness();
  if ('lack' in made) {
    lack = made.lack;
    return;
  }
  s3 = made;
  const { endpoint: behind = '', bucket, prefix, credentials } = made.access;
  const secretAccessKey = credentials?.().secretAccessKey ?? '';
  strict = await startStrictS3({ behind, secretAccessKey, wallMs: () => Date.now() });
  cluster = await startCluster();
  running = cluster;
  writeFileSync(join(cluster.dir, 'secret'), `${secretAccessKey}\n`);
  const settings: Record<string, string> = {
    'objects.kind': 's3',
    'objects.s3.endpoint': strict.endpoint,
    'objects.s3.bucket': bucket,
    'objects.s3.prefix': prefix,
    'objects.s3.pathStyle': 'true',
    'objects.s3.accessKeyId': 'test',
    'objects.s3.secretAccessKeyPath': join(cluster.dir, 'secret'),
  };
  one = await cluster.startNode('one', { settings, handlerDirs: [clusterHandlersDir, streamHandlersDir] });
  edge = await cluster.startNode('edge', { settings, roles: ['gateway'] });
}, 1_200_000);
afterAll(async () => {
  await running?.stop();
  await strict?.stop();
  await s3?.dispose();
});
beforeEach(({ skip }) => {
  if (s3 === undefined) skip(lack);
});

const body = randomBytes(20 * 1_048_576 + 7);
const sha256 = createHash('sha256').update(body).digest();

async function begun(client: TroupeClient): Promise<BegunUpload> {
  const upload = await client.beginUpload('stream.copies', { bytes: body.byteLength, sha256 });
  const { status } = await fetch(upload.url, { method: 'PUT', headers: { ...upload.headers }, body });
  expect(status).toBe(200);
  return upload;
}

async function expectCopied(client: TroupeClient, jobId: string): Promise<void> {
  expect(await client.wait(jobId)).toMatchObject({ state: 'SUCCEEDED', outputLargeBytes: body.byteLength });
  const link = await client.payloadLink(jobId);
  const output = Buffer.from(await (await fetch(link.url)).arrayBuffer());
  expect([output.equals(body), sha256.equals(link.sha256)]).toEqual([true, true]);
}

const objects = async (): Promise<readonly string[]> => (await s3?.keys()) ?? [];

it('a handler reads what was uploaded, and its output comes by a link; an erasure takes both away', async () => {
  const client = edge.client();
  const { uploadId } = await begun(client);
  const { jobId } = await client.submitUploaded(uploadId, 'stream.copies');
  await expectCopied(one.client(), jobId);
  const { url } = await client.payloadLink(jobId, { payload: 'input' });
  expect((await objects()).length, 'input and output, and no ticket').toBe(2);
  await client.erasePayloads(jobId);
  expect([(await fetch(url)).status, await objects()]).toEqual([404, []]);
  // The shard writes the key of a job soon after its end. Then every gateway knows that the upload had its job.
  const again = (): Promise<unknown> => one.client().submitUploaded(uploadId, 'stream.copies');
  expect(await cluster.waitFor('the same job', again, 30_000)).toEqual({ jobId, state: 'SUCCEEDED', duplicate: true });
});

it('an upload belongs to no gateway: one begins it and dies, another takes the submit, which one job answers', async () => {
  const { uploadId } = await begun(edge.client());
  await edge.kill();
  const client = one.client();
  const { jobId } = await client.submitUploaded(uploadId, 'stream.copies');
  edge = await cluster.restartNode(edge);
  expect(await edge.client().submitUploaded(uploadId, 'stream.copies')).toMatchObject({ jobId, duplicate: true });
  await expectCopied(client, jobId);
});

it('a gateway that dies while its submit is under way leaves an upload that can be submitted again, once', async () => {
  const { uploadId } = await begun(edge.client());
  const ticketOf = (): Promise<boolean> => objects().then((keys) => keys.some((key) => key.includes('.unused~')));
  expect(await ticketOf()).toBe(true);
  // The shard does not answer, so the submit stops behind its last step before the shard.
  await cluster.freezeNats();
  const lost = edge.client({ retry: { maxAttempts: 1 } }).submitUploaded(uploadId, 'stream.copies');
  const failed = expect(lost).rejects.toMatchObject({ name: 'TroupeClientError' });
  await cluster.waitFor('the ticket is gone', async () => !(await ticketOf()), 30_000);
  await edge.kill();
  cluster.thawNats();
  await failed;
  edge = await cluster.restartNode(edge);
  // A freeze that outlasts their leases makes nodes announce themselves anew.
  for (const node of [edge, one]) {
    const client = node.client();
    const knowsHandler = async (): Promise<boolean> =>
      (await client.cluster.nodes()).some(({ handlers }) => handlers.some(({ name }) => name === 'stream.copies'));
    await cluster.waitFor('the handler is announced', knowsHandler, 30_000);
  }
  const [first, second] = await Promise.all(
    [edge, one].map((node) => node.client().submitUploaded(uploadId, 'stream.copies')),
  );
  expect(first?.jobId).toBe(second?.jobId);
  await expectCopied(one.client(), first?.jobId ?? '');
});

it('a job that was accepted keeps its input when every process is killed at once', async () => {
  const client = edge.client();
  const { uploadId } = await begun(client);
  const { jobId } = await client.submitUploaded(uploadId, 'stream.copies');
  await Promise.all([one.kill(), edge.kill()]);
  [one, edge] = await Promise.all([cluster.restartNode(one), cluster.restartNode(edge)]);
  expect(await edge.client().submitUploaded(uploadId, 'stream.copies')).toMatchObject({ jobId, duplicate: true });
  await expectCopied(edge.client(), jobId);
});
