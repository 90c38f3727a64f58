/** A cluster whose processes are one for each role, and large payloads on their way through all of them. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCluster, type TestCluster, type TestNode } from './cluster.ts';
import { growthMib } from './peak-memory.ts';

const mib = 1 << 20;
export const streamHandlersDir = fileURLToPath(new URL('./stream-handlers', import.meta.url));

export interface StreamedCluster {
  readonly cluster: TestCluster;
  readonly edge: TestNode;
  readonly worker: TestNode;
}

export async function startStreamedCluster(settings: Readonly<Record<string, string>> = {}): Promise<StreamedCluster> {
  const cluster = await startCluster();
  await cluster.startNode('shards', { roles: ['shards'], settings });
  const worker = await cluster.startNode('worker', {
    roles: ['workers'],
    threads: 2,
    handlerDirs: [streamHandlersDir],
    settings,
  });
  const edge = await cluster.startNode('edge', { roles: ['gateway'], settings });
  return { cluster, edge, worker };
}

/** Bytes that no piece has in common with its neighbours. */
export async function* madeBytes(bytes: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes; at += mib) {
    const piece = Buffer.alloc(Math.min(mib, bytes - at), at / mib);
    yield piece;
  }
}

export interface Passed {
  readonly jobId: string;
  readonly state: string;
  readonly isSame: boolean;
  /** MiB: by how much the gateway, the worker and its cell were at most larger than before. */
  readonly growth: { readonly edge: number; readonly worker: number; readonly cell: number };
}

/** Sends that many bytes through a handler that copies them from stream to stream, and reads them back. */
export async function passThrough(
  { edge, worker }: StreamedCluster,
  bytes: number,
  timeoutMs: number,
): Promise<Passed> {
  const client = edge.client();
  const [cell = 0] = worker.children();
  const sent = createHash('sha256');
  const read = createHash('sha256');
  const open = async function* (): AsyncGenerator<Uint8Array, void> {
    for await (const piece of madeBytes(bytes)) {
      sent.update(piece);
      yield piece;
    }
  };
  let [jobId, state] = ['', ''];
  const [ofEdge = 0, ofWorker = 0, ofCell = 0] = await growthMib([edge.pid, worker.pid, cell], async () => {
    ({ jobId } = await client.submitStream('stream.copies', { bytes, open }, { executionTimeoutMs: timeoutMs }));
    ({ state } = await client.wait(jobId));
    for await (const piece of client.download(jobId)) read.update(piece);
  });
  const isSame = sent.digest('hex') === read.digest('hex');
  return { jobId, state, isSame, growth: { edge: ofEdge, worker: ofWorker, cell: ofCell } };
}

/** Files of running attempts on the disk of the worker. */
export function scratchFiles({ cluster, worker }: StreamedCluster): readonly string[] {
  const folder = join(cluster.dir, worker.name, 'data', 'scratch');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}
