// `troupe queues diff|apply|delete` against a real gateway: what they print, what they change, and the exit codes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

let edge: Edge;
let client: TroupeClient;
let folder: string;

beforeAll(async () => {
  edge = await openEdge();
  client = edge.client();
  folder = mkdtempSync(join(tmpdir(), 'troupe-cli-queues-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await edge.close();
});

async function troupe(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = recordedTerminal();
  const code = await runCli(['queues', ...args, '--address', `127.0.0.1:${edge.port}`], { terminal });
  return { code, ...terminal.written };
}

function file(text: string, name = 'queues.yaml'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const declared = `
queues:
  images: { executionTimeout: 2m, maxDepth: 100, flow: { rate: { perSecond: 10 } } }
  mails: {}
`;

describe('troupe queues apply', () => {
  it('makes what is declared, then has nothing to do, and mends what was changed by hand', async () => {
    const path = file(declared);
    const before = await troupe('diff', path);
    expect(before.code).toBe(7);
    expect(before.out).toContain(
      '+ images: to be created\n    executionTimeout: 5m -> 2m\n    maxDepth: none -> 100\n',
    );
    expect(before.out).toContain('? default: is not in the file, and stays\n');
    const applied = await troupe('apply', path);
    expect(applied).toMatchObject({ code: 0, err: '' });
    expect(applied.out).toContain('images: created\n');
    expect(applied.out).toContain('mails: created\n');
    const [settled, again] = [await troupe('diff', path), await troupe('apply', path)];
    expect(settled.code).toBe(0);
    expect(settled.out).toContain('  images: matches the file\n');
    expect(again.out).not.toMatch(/created|updated/);

    const { version } = await client.queues.get('images');
    await client.queues.update('images', version, { maxDepth: 7, heartbeatTimeoutMs: 5_000, flow: { paused: true } });
    const drift = await troupe('diff', path, '--json');
    expect(drift.code).toBe(7);
    const document = JSON.parse(drift.out) as { queues: { name: string }[] };
    expect(document).toMatchObject({ different: true });
    expect(document.queues.find(({ name }) => name === 'images')).toEqual({
      name: 'images',
      action: 'update',
      changes: [
        { setting: 'heartbeatTimeoutMs', from: 5_000, to: null },
        { setting: 'maxDepth', from: 7, to: 100 },
        { setting: 'flow.paused', from: true, to: false },
      ],
    });
    expect((await troupe('apply', path)).out).toContain('images: updated\n    heartbeatTimeout: 5s -> none\n');
    expect((await client.queues.get('images')).settings).toMatchObject({ maxDepth: 100, flow: { paused: false } });
    expect((await troupe('diff', path)).code).toBe(0);
  });

  it('takes a payload retention back that is no longer declared', async () => {
    const short = file('queues: { kept: { retention: 2d, payloadRetention: 1h } }', 'short.yaml');
    expect((await troupe('apply', short)).code).toBe(0);
    const shorter = file('queues: { kept: { retention: 30m } }', 'shorter.yaml');
    expect(await troupe('apply', shorter)).toMatchObject({ code: 0, err: '' });
    expect((await client.queues.get('kept')).settings).toMatchObject({
      retentionMs: 1_800_000,
      payloadRetentionMs: 1_800_000,
    });
    expect((await troupe('diff', shorter)).code).toBe(0);
  });

  it('asks no gateway when the file is wrong', async () => {
    const wrong = file('queues: { a: { maxDepth: -1 }, b: { retries: 3 } }', 'wrong.yaml');
    const { code, err, out } = await troupe('apply', wrong);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('queues.a.maxDepth: must be a whole number from 1 to 100,000,000, or none\n');
    expect(err).toContain('queues.b.retries: unknown key\n');
    await expect(client.queues.get('a')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
    expect((await troupe('diff', join(folder, 'absent.yaml'))).code).toBe(2);
  });

  it('deletes what is not declared only with --prune, and nothing that has jobs', async () => {
    await client.queues.create('stale');
    const { jobId } = await client.submit('test.echo', 1, { queue: 'stale' });
    const path = file('queues: { images: {}, mails: {}, kept: {}, default: {} }', 'pruned.yaml');
    expect((await troupe('apply', path)).out).toContain('stale: is not in the file, and stays\n');
    expect((await troupe('diff', path)).code).toBe(0);
    const planned = await troupe('diff', path, '--prune');
    expect(planned).toMatchObject({ code: 7 });
    expect(planned.out).toContain('- stale: to be deleted\n');
    const refused = await troupe('apply', path, '--prune');
    expect(refused.code).toBe(5);
    expect(refused.err).toContain('QUEUE_NOT_EMPTY: queue stale has unfinished jobs: 1 wait, 0 are due later, 0 run');
    await client.cancel(jobId);
    // Statistics that say so are at most a second old.
    await expect.poll(async () => (await client.queues.stats('stale')).waiting, { timeout: 30_000 }).toBe(0);
    expect((await troupe('apply', path, '--prune')).out).toContain('stale: deleted\n');
    await expect(client.queues.get('stale')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
    // What has ended stays.
    expect(await client.get(jobId)).toMatchObject({ state: 'CANCELLED', queue: 'stale' });
    expect((await troupe('diff', path, '--prune')).code).toBe(0);
  });
});

describe('troupe queues delete', () => {
  it('deletes a queue without jobs once, and never the default one', async () => {
    await client.queues.create('once');
    expect(await troupe('delete', 'once')).toMatchObject({ code: 0, out: 'once: deleted\n' });
    expect((await troupe('delete', 'once')).code).toBe(4);
    const kept = await troupe('delete', 'default');
    expect(kept.code).toBe(2);
    expect(kept.err).toContain('name: must not be the default queue, which is always there');
    const made = await client.queues.create('once', { maxDepth: 3 });
    expect(made).toMatchObject({ version: 1, settings: { maxDepth: 3 } });
  });
});
