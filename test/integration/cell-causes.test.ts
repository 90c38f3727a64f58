/** A fetch that is really refused, in a real thread: what stands behind `fetch failed` is kept, and matches as a code. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isNonRetryable } from '../../src/domain/retry-policy.ts';
import { startPool, type Harness } from '../support/rogue-handlers/harness.ts';

let dir: string;
let pool: Harness;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-causes-'));
  await writeFile(
    join(dir, 'fetches.job.ts'),
    `import { defineHandler } from 'troupe/handlers';
     import { z } from 'zod';
     export default defineHandler({
       name: 'fetches', input: z.object({ url: z.string() }), retry: { nonRetryableCodes: ['ECONNREFUSED'] },
       run: async ({ url }, ctx) => (await fetch(url, { signal: ctx.signal })).status,
     });`,
  );
  pool = await startPool({ handlerDirs: [dir], threads: 1 });
});
afterAll(async () => {
  await pool.stop();
  await rm(dir, { recursive: true });
});

/** One that was ours a moment ago: nobody listens there now. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

// By name there may be two addresses, and then an AggregateError stands behind it.
it.each(['127.0.0.1', 'localhost'])('at %s', async (host) => {
  const { outcome } = await pool.run('fetches', { url: `http://${host}:${await closedPort()}/` }).ended;
  if (outcome.kind !== 'failed') throw new Error(`it ended as ${outcome.kind}`);
  expect(outcome.failure).toMatchObject({ reason: 'HANDLER_FAILED', message: 'fetch failed' });
  expect(outcome.failure.causes?.map(({ code }) => code)).toContain('ECONNREFUSED');
  const policy = pool.manifests[0]?.retry ?? {};
  expect(policy).toEqual({ nonRetryableCodes: ['ECONNREFUSED'] });
  expect(isNonRetryable({ maxAttempts: 3, initialMs: 1, coefficient: 1, maxMs: 1, ...policy }, outcome.failure)).toBe(
    true,
  );
});

it('at a port that fetch itself refuses to ask is another error', async () => {
  const { outcome } = await pool.run('fetches', { url: 'http://127.0.0.1:9/' }).ended;
  expect(outcome).toMatchObject({ kind: 'failed', failure: { causes: [{ message: 'bad port' }] } });
});
