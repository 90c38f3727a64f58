/**
 * The thread that owns the embedded store hangs in a commit, as on a disk that never returns from a sync, or dies. The
 * process ends with 70 and says why, and the next start has every job that was accepted.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCluster, type TestCluster } from '../support/cluster.ts';

const faultFile = fileURLToPath(new URL('../support/store-thread-fault.ts', import.meta.url));
const silenceMaxMs = 10_000;
/** What a busy machine adds to the silence. */
const endMaxMs = 60_000;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

it.each([
  ['hang', 'the thread of the store has answered nothing for 10 s'],
  ['throw', 'the thread of the store has died'],
])(
  'a node whose store thread is made to %s ends with 70 and its reason, and loses nothing',
  { timeout: 240_000 },
  async (fault, reason) => {
    const when = join(cluster.dir, `${fault}-now`);
    const nodeArgs = ['--import', `file://${faultFile}?fault=${fault}&when=${when}`];
    const node = await cluster.startNode(fault, { nodeArgs, settings: { 'store.sqlite.silenceMaxMs': silenceMaxMs } });
    const client = node.client();
    const accepted: string[] = [];
    for (let n = 0; n < 20; n += 1) accepted.push((await client.submit('test.echo', n)).jobId);
    writeFileSync(when, '');
    // Whatever becomes of it, it is not acknowledged.
    await expect(client.submit('test.echo', { late: true })).rejects.toThrow();
    const { code } = await cluster.waitFor(
      'the process ends',
      () => (node.isAlive ? undefined : node.exited),
      endMaxMs,
    );
    expect(code).toBe(70);
    const last = node.lines.filter(({ event }) => event === 'process.died');
    expect(last).toMatchObject([{ exitCode: 70, err: { message: expect.stringContaining(reason) as string } }]);

    rmSync(when);
    const again = await cluster.restartNode(node, { nodeArgs: [] });
    const later = again.client();
    for (const jobId of accepted) expect((await later.wait(jobId)).state).toBe('SUCCEEDED');
    await again.stop();
  },
);
