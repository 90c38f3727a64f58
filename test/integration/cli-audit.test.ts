// `troupe audit list|export|verify` against a real gateway: what they print, and the exit codes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { dayOf } from '../../src/domain/audit/audit-day.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

let edge: Edge;
let folder: string;
let jobId: string;

beforeAll(async () => {
  edge = await openEdge();
  folder = mkdtempSync(join(tmpdir(), 'troupe-cli-audit-'));
  const client = edge.client();
  await client.queues.create('reports');
  ({ jobId } = await client.submit('test.echo', {}, { queue: 'reports' }));
  await client.cancel(jobId, 'no longer needed');
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await edge.close();
});

async function audit(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = recordedTerminal();
  const code = await runCli(['audit', ...args, '--address', `127.0.0.1:${edge.port}`], { terminal });
  return { code, ...terminal.written };
}

interface Row {
  readonly writer: string;
  readonly sequence: number;
  readonly hash: string;
  readonly entry: { readonly kind: string };
}

async function exported(): Promise<readonly Row[]> {
  const { out } = await audit('export');
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
}

describe('troupe audit', () => {
  it('list says who cancelled a job, and why', async () => {
    const { code, out } = await audit('list', '--resource', jobId);
    expect(code).toBe(0);
    expect(out).toMatch(/^TIME +WHO +WHAT +ABOUT +OUTCOME +FROM +REASON\n/);
    expect(out).toMatch(new RegExp(`anyone +CancelJob +job=${jobId} +succeeded +127\\.0\\.0\\.1 +no longer needed`));
    const { out: json } = await audit('list', '--limit', '1', '--json');
    expect(JSON.parse(json)).toMatchObject({ method: 'CancelJob', outcome: 'succeeded', principal: 'anyone' });
    expect((await audit('list', '--denied')).out).not.toContain('CancelJob');
    expect((await audit('list', '--cluster')).code).toBe(0);
  });

  it('export prints the rows, one on each line', async () => {
    const rows = await exported();
    expect(rows.map(({ entry }) => entry.kind)).toEqual(['intent', 'outcome', 'intent', 'outcome']);
    expect(rows.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  });

  it('verify compares with the heads of a log, and its exit code says whether the chains are whole', async () => {
    const today = dayOf(Date.now());
    const whole = await audit('verify');
    expect(whole).toMatchObject({ code: 0, err: '' });
    expect(whole.out).toMatch(/ 4 +[0-9a-f]{16} +open +whole\n/);
    const last = (await exported()).at(-1);
    const head = {
      event: 'audit.head',
      scope: 'tenant/default',
      day: today,
      writer: last?.writer,
      rows: 4,
      hash: last?.hash,
    };
    const path = join(folder, 'heads.json');
    const others = [
      { ...head, scope: 'tenant/other', rows: 99 },
      { ...head, day: '2020-01-01', rows: 99 },
      { event: 'x' },
      7,
    ];
    writeFileSync(path, ['no JSON', ...[head, ...others].map((line) => JSON.stringify(line))].join('\n'));
    expect(await audit('verify', today, '--heads', path)).toMatchObject({ code: 0 });
    writeFileSync(path, JSON.stringify({ ...head, rows: 6 }));
    const cut = await audit('verify', '--heads', path);
    expect([cut.code, cut.out]).toEqual([7, expect.stringContaining('tail at 5')]);
    expect((await audit('verify', '--heads', join(folder, 'none'))).code).toBe(2);
    expect((await audit('verify', 'today')).code).toBe(2);
  });
});

describe('troupe audit export', () => {
  it('prints one line for each row, with its own fields alone, whatever somebody has put into the store', async () => {
    const atMs = Date.now() - 3 * 86_400_000;
    const entries = ['', '{', '{"a":1}\n{"sequence":9}', '{},"hash":"forged"', '"\\u2028"', '{"kind":"lost"\r\n}'];
    const rows = entries.map((entry, n) => ({ atMs, writer: 'somebody', sequence: n + 1, entry, hash: `h${n}` }));
    await edge.store.audit.appendRows({ scope: 'tenant/default', day: dayOf(atMs) }, rows, Date.now() + 3_600_000);
    const range = ['--from', new Date(atMs).toISOString(), '--to', new Date(atMs + 1).toISOString()];
    const { code, out } = await audit('export', ...range);
    const found = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    expect(code).toBe(0);
    expect(found.map(({ sequence, hash }) => [sequence, hash])).toEqual(rows.map((row) => [row.sequence, row.hash]));
    expect(found.map(({ entry }) => entry)).toEqual([...entries.slice(0, 4), '\u2028', entries[5]]);
  });
});

describe('troupe get', () => {
  const get = async (id: string): Promise<string> => {
    const terminal = recordedTerminal();
    await runCli(['get', id, '--address', `127.0.0.1:${edge.port}`], { terminal });
    return terminal.written.out;
  };

  it('names who cancelled, retried and rescheduled a job, and nobody for what the cluster decided', async () => {
    const client = edge.client();
    expect(await get(jobId)).toMatch(/asked by +cancelled by anyone (now|\d)/);
    const retried = await client.retry(jobId);
    expect(await get(retried.jobId)).toMatch(/asked by +retried by anyone/);
    const { jobId: later } = await client.submit('test.echo', {}, { runAt: new Date(Date.now() + 60_000) });
    expect(await get(later)).not.toContain('asked by');
    await client.reschedule(later, new Date(Date.now() + 120_000));
    expect(await get(later)).toMatch(/asked by +rescheduled by anyone/);
    const { history } = await client.get(later);
    expect(history.map(({ type, caller }) => [type, caller])).toEqual([
      ['scheduled', undefined],
      ['scheduled', 'anyone'],
    ]);
  });

  it('list says why whoever gave a reason with any command', async () => {
    const terminal = recordedTerminal();
    const at = ['--address', `127.0.0.1:${edge.port}`];
    const run = (environment: Record<string, string>, ...args: readonly string[]): Promise<number> =>
      runCli([...args, ...at], { terminal, environment });
    expect(await run({}, 'queues', 'pause', 'reports', '--audit-reason', 'Wartung \u2013 ticket 7')).toBe(0);
    expect(await run({ TROUPE_AUDIT_REASON: 'over' }, 'queues', 'resume', 'reports')).toBe(0);
    const { out } = await audit('list', '--limit', '2');
    expect(out).toMatch(/UpdateQueue .* over\n.*UpdateQueue .* Wartung \u2013 ticket 7\n/);
    expect(await run({}, 'queues', 'pause', 'reports', '--audit-reason', 'x'.repeat(501))).toBe(2);
    expect(terminal.written.err).toContain('--audit-reason or TROUPE_AUDIT_REASON: must have 1 to 500 characters');
  });
});
