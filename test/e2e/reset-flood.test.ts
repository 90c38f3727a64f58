/** Tens of thousands of submits that are reset as soon as they are sent: what they cost a real process is given back. */
import { execFileSync } from 'node:child_process';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadContract } from '../../src/contract/codec.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';

/** It goes on until it has cost so much: on a busy machine V8 collects more often. */
const costsMib = 128;
const resetsMax = 100_000;
const connections = 8;
const atOnce = 50;
/** The 20,000 submits that a gateway takes on at most, and what V8 lets lie between two collections. */
const peakMaxMib = 768;
/** Records and code that were not there before. What V8 keeps by itself is all that the flood has cost. */
const keptMaxMib = 64;
/** What was accepted runs first, which takes minutes if other work leaves it little of the cores. */
const givenBackWithinMs = 400_000;
const { SubmitJob } = loadContract().jobs;

let cluster: TestCluster;
let node: TestNode;
beforeAll(async () => {
  cluster = await startCluster();
  // As `scripts/troupe.mjs` and the image start it.
  const env = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_TRIM_THRESHOLD_: '131072' };
  node = await cluster.startNode('one', { env });
});
afterAll(() => cluster.stop());

function residentMib(): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(node.pid)], { encoding: 'utf8' })) / 1_024;
}

function submitFrame(): Buffer {
  const message = SubmitJob.requestSerialize({ job: { handler: 'test.echo' } });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Sends calls and resets each at once, until the server drains the connection. Answers how many. */
async function flood(session: ClientHttp2Session, frame: Buffer): Promise<number> {
  const headers = { ':method': 'POST', ':path': SubmitJob.path, 'content-type': 'application/grpc', te: 'trailers' };
  let sent = 0;
  session.on('error', () => undefined);
  while (!session.closed && !session.destroyed) {
    const calls = Array.from({ length: atOnce }, () => session.request(headers));
    sent += calls.length;
    await Promise.all(
      calls.map((call) => {
        call.on('error', () => undefined);
        call.end(frame, () => call.close(constants.NGHTTP2_CANCEL));
        return new Promise((resolve) => call.once('close', resolve));
      }),
    );
  }
  session.destroy();
  return sent;
}

it('costs memory for as long as it lasts, and no call of others', async () => {
  const troupe = node.client();
  const { jobId } = await troupe.submit('test.echo', 1);
  await troupe.wait(jobId);
  const before = residentMib();
  const frame = submitFrame();
  let sent = 0;
  let peak = before;
  const client = async (): Promise<void> => {
    while (peak - before < costsMib && sent < resetsMax) {
      sent += await flood(connect(`http://${node.address ?? ''}`), frame);
      peak = Math.max(peak, residentMib());
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  await cluster.waitFor('others are answered', async () => (await troupe.get(jobId)).state === 'SUCCEEDED', 30_000);
  expect(peak - before).toBeLessThan(peakMaxMib);
  expect(peak - before).toBeGreaterThan(costsMib);
  await cluster.waitFor('memory is given back', () => residentMib() - before < keptMaxMib, givenBackWithinMs);
}, 600_000);
