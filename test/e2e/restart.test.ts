// As a user has it: `troupe dev` with its own nats-server, the command line beside it, and a restart in between.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterHandlersDir, type TestNode, waitFor } from '../support/cluster.ts';
import { readLedger } from '../support/cluster-history.ts';
import { startNodeProcess } from '../support/cluster-node.ts';

const mainFile = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

let dir: string;
let node: TestNode;

const start = (): Promise<TestNode> =>
  startNodeProcess({
    name: 'dev',
    cwd: dir,
    args: [
      ...['--no-samples', '--data-dir', join(dir, 'data'), '--handlers', clusterHandlersDir],
      ...[
        '--port',
        '0',
        '--http-port',
        '0',
        '--web-port',
        '0',
        '--threads',
        '2',
        '--set',
        'nats.port=0',
        '--set',
        'shutdown.graceMs=1500',
      ],
    ],
  });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'troupe-dev-'));
  node = await start();
});
afterAll(async () => {
  await node.discard();
  rmSync(dir, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly documents: readonly Readonly<Record<string, unknown>>[];
}

function cli(...args: readonly string[]): Promise<Ran> {
  const argv = ['--disable-warning=ExperimentalWarning', mainFile, '--address', node.address ?? '', '--json', ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, (error, out, err) => {
      const lines = `${out}\n${err}`.split('\n').filter((line) => line.startsWith('{'));
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, out, documents: lines.map((line) => JSON.parse(line) as Record<string, unknown>) });
    });
  });
}

describe('the command line', () => {
  it.each([
    ['a job that succeeds', ['submit', 'test.echo', '{"a":1}', '--wait'], 0],
    ['a job that fails', ['submit', 'test.flaky', '{"failures":9}', '--wait', '--max-attempts', '1'], 1],
    ['an input that breaks the schema', ['submit', 'test.sized', '{"bytes":-1}'], 2],
    ['an unknown handler', ['submit', 'no.such', '1'], 4],
    ['an unknown job', ['get', '01960000-0000-7000-8000-000000000000'], 4],
    ['an unknown queue', ['list', '--queue', 'nowhere'], 4],
    ['a wrong flag', ['list', '--no-such-flag'], 2],
    ['nobody there', ['list', '--address', '127.0.0.1:1'], 3],
  ])('%s: its exit code', async (_what, args, code) => {
    expect((await cli(...args)).code).toBe(code);
  });

  it('submits, gets, lists, watches, cancels, in JSON', async () => {
    const [submitted] = (await cli('submit', 'test.echo', '{"a":2}', '--wait')).documents.slice(-1);
    const id = String(submitted?.['id']);
    expect((await cli('get', id)).documents[0]).toMatchObject({ id, state: 'SUCCEEDED', output: { a: 2 } });
    expect((await cli('list', '--limit', '1')).documents[0]).toMatchObject({ id });
    expect((await cli('watch', id)).documents.at(-1)).toMatchObject({ id, state: 'SUCCEEDED' });
    expect((await cli('cancel', id)).code).toBe(5);
    const later = await cli('submit', 'test.echo', '1', '--delay', '10m');
    const laterId = String(later.documents[0]?.['jobId'] ?? later.documents[0]?.['id']);
    expect(await cli('cancel', laterId, '--wait')).toMatchObject({
      code: 0,
      documents: [{ id: laterId, state: 'CANCELLED' }],
    });
  });
});

describe('a restart', () => {
  it.each([
    ['in order', (one: TestNode): Promise<unknown> => one.stop()],
    ['by a crash', (one: TestNode): Promise<unknown> => one.kill()],
  ])('%s: what had ended is there, what waited runs, what ran runs again', async (how, end) => {
    const troupe = node.client();
    const ledger = join(dir, `${how}.ledger`);
    const gate = join(dir, `${how}.gate`);
    const done = await troupe.submit('test.echo', 'kept', { idempotencyKey: `done ${how}` });
    const kept = await troupe.wait(done.jobId);
    const held = [];
    for (let n = 0; n < 2; n += 1) {
      const { jobId } = await troupe.submit('test.hold', { gate, ledger });
      held.push(jobId);
      await waitFor('it runs', () => readLedger(ledger).some((run) => run.jobId === jobId), 30_000);
    }
    const waiting = await troupe.submit('test.work', { n: 3, ms: 1, ledger });
    const later = await troupe.submit('test.echo', 'later', { runAt: new Date(Date.now() + 600_000) });
    const children = node.children();
    expect(children.length).toBeGreaterThanOrEqual(2);
    await end(node);
    // The cell and the nats-server went with it.
    await waitFor('no process is left', () => children.every((pid) => !isThere(pid)), 30_000);

    node = await start();
    const again = node.client();
    const { state, seq, output } = await again.get(done.jobId);
    expect({ state, seq, output }).toEqual({ state: kept.state, seq: kept.seq, output: 'kept' });
    expect(await again.submit('test.echo', 'kept', { idempotencyKey: `done ${how}` })).toMatchObject({
      jobId: done.jobId,
      duplicate: true,
    });
    writeFileSync(gate, '');
    for (const id of [...held, waiting.jobId]) {
      expect(await again.wait(id, { signal: AbortSignal.timeout(40_000) })).toMatchObject({
        state: 'SUCCEEDED',
        failures: 0,
      });
    }
    expect((await again.get(later.jobId)).state).toBe('SCHEDULED');
    const listed: string[] = [];
    for await (const job of again.list({ limit: 5 })) listed.push(job.id);
    expect(listed).toEqual(expect.arrayContaining([done.jobId, ...held, waiting.jobId, later.jobId]));
  });
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
