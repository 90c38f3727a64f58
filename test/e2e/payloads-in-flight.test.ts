// Large payloads are in flight whose sum is more than the whole heap of a small process: it takes them, or refuses with
// a time to come back, and does not die of them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TroupeClientError } from '../../src/client/index.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';

const heapMb = 80;
const payloadBytes = 4 * 1_048_576;
const lanes = 21;
const acceptMaxMs = 120_000;

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

it('a process with a small heap lives through more payloads at once than its heap would hold, and loses none', async () => {
  const node = await cluster.startNode('small', { nodeArgs: [`--max-old-space-size=${heapMb}`] });
  const text = 'x'.repeat(payloadBytes);
  const refusals = new Map<string, number>();
  const accepted = async (n: number): Promise<string> => {
    const client = node.client();
    const submit = async (): Promise<string | undefined> => {
      try {
        return (await client.submit('test.echo', { text, n }, { idempotencyKey: `in-flight-${n}` })).jobId;
      } catch (error) {
        if (!(error instanceof TroupeClientError)) throw error;
        refusals.set(error.code, (refusals.get(error.code) ?? 0) + 1);
        return undefined;
      }
    };
    return cluster.waitFor('the job is accepted', submit, acceptMaxMs);
  };
  const ids = await Promise.all(Array.from({ length: lanes }, (_, n) => accepted(n)));
  const client = node.client();
  for (const [n, id] of ids.entries()) {
    const job = await client.wait(id, { signal: AbortSignal.timeout(acceptMaxMs) });
    expect(job).toMatchObject({ state: 'SUCCEEDED', losses: 0 });
    expect(job.output).toEqual({ text, n });
  }
  // All are read at once, by readers of their own.
  const read = async (id: string): Promise<boolean> => (await node.client().get(id)).state === 'SUCCEEDED';
  await Promise.all(ids.map((id) => cluster.waitFor('it is read', () => read(id), acceptMaxMs)));
  expect(node.isAlive).toBe(true);
  const known = ['OVERLOADED', 'OUTCOME_UNKNOWN', 'CALL_DEADLINE_EXCEEDED', 'GATEWAY_UNAVAILABLE'];
  expect([...refusals.keys()].filter((code) => !known.includes(code))).toEqual([]);
  process.stderr.write(`measured: refusals ${JSON.stringify([...refusals])}\n`);
}, 240_000);
