/** `ctx.secret` in real cells: who gets a secret, and what leaves the node of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createSecretFolder } from '../../src/adapters/files/secret-folder.ts';
import { type Harness, startPool, zooDir } from '../support/rogue-handlers/harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'troupe-handler-secrets-'));
const value = 'hunter2-"and"-more/hunter2';
let zoo: Harness;

beforeAll(async () => {
  writeFileSync(join(folder, 'smtp'), `${value}\n`);
  writeFileSync(join(folder, 'other'), 'not for this handler');
  for (let n = 0; n < 1_200; n += 1) writeFileSync(join(folder, `many-${n}`), `value number ${n} of many`);
  const grants = [
    { secrets: ['smtp', 'absent', 'many-*'], handlers: ['tells'], tenants: ['acme'] },
    { secrets: ['*'], handlers: ['noop'], tenants: ['*'] },
  ];
  const secrets = createSecretFolder({ path: folder, grants, clock: { monotonicMs: () => performance.now() } });
  zoo = await startPool({ handlerDirs: [zooDir], threads: 1, secrets });
});
afterAll(async () => {
  await zoo.stop();
  rmSync(folder, { recursive: true });
});

const acme = { tenant: 'acme' };

it('gives a handler its secret, and no text of the run has it', async () => {
  const run = zoo.run('tells', { secret: 'smtp' }, acme);
  expect((await run.ended).outcome).toEqual({
    kind: 'succeeded',
    output: { kind: 'json', json: JSON.stringify({ length: value.length, inEnvironment: false }) },
  });
  expect(run.lines.map(({ text }) => text).slice(0, 2)).toEqual(['it is [secret smtp]', '{"value":"[secret smtp]"}']);
  expect(run.progress).toContainEqual({ fraction: 0.5, note: 'with [secret smtp]' });
  // The last line was cut in the middle of the value.
  expect(run.lines.at(-1)?.text).toBe('.'.repeat(1_990));
  expect(JSON.stringify([run, zoo.log])).not.toMatch(/hunter2/);
});

it('masks failures with their causes, codes and stacks', async () => {
  const { outcome } = await zoo.run('tells', { secret: 'smtp', fails: true }, acme).ended;
  expect(outcome).toMatchObject({
    kind: 'failed',
    failure: { message: 'cannot log in with [secret smtp]', code: '[secret smtp]' },
  });
  expect(JSON.stringify(outcome)).toContain('bad [secret smtp]');
  expect(JSON.stringify(outcome)).not.toMatch(/hunter2/);
});

it('masks what another run of the same cell has kept, also where it is printed past the thread', async () => {
  await zoo.run('tells', { secret: 'smtp' }, acme).ended;
  const run = zoo.run('tells', { secret: 'smtp', again: true }, { tenant: 'globex' });
  const { outcome } = await run.ended;
  expect(run.lines.map(({ text }) => text)).toEqual(['it was [secret smtp]']);
  expect(outcome).toMatchObject({ failure: { message: 'cannot log in again with [secret smtp]' } });
  await vi.waitFor(() => expect(JSON.stringify(zoo.log)).toContain('straight [secret smtp]'), { timeout: 30_000 });
  expect(JSON.stringify([run, outcome, zoo.log])).not.toMatch(/hunter2/);
});

it('gives nothing else: the answer is the same for what is missing, of others, and out of the folder', async () => {
  const names = ['absent', 'other', 'none', '../smtp', '__proto__', ''];
  const asked = [...names, 'x'.repeat(5_000)].map((secret) => zoo.run('tells', { secret }, acme));
  asked.push(zoo.run('tells', { secret: 'smtp' }, { tenant: 'globex' }));
  for (const [index, run] of asked.entries()) {
    const name = [...names, 'x'.repeat(100), 'smtp'][index] ?? '';
    const message = `the handler tells gets no secret "${name}" here: see workers.secrets`;
    const { outcome } = await run.ended;
    expect(outcome).toMatchObject({ failure: { code: 'PERMISSION_MISSING', message }, retryable: true });
  }
});

it('gives one run no more than can be masked', async () => {
  const { outcome } = await zoo.run('tells', { secret: 'many-#', times: 1_200 }, acme).ended;
  expect(outcome).toMatchObject({ failure: { code: 'OVERLOADED', message: 'the attempt has read too many secrets' } });
});
