/** `troupe tenants`, from making a tenant to its deletion. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { hastyClock } from '../support/hasty-clock.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

let edge: Edge;
beforeAll(async () => void (edge = await openEdge({ clock: hastyClock })));
afterAll(() => edge.close());

async function troupe(...args: readonly string[]) {
  const terminal = recordedTerminal();
  const code = await runCli([...args, '--address', `127.0.0.1:${edge.port}`], { terminal });
  return { code, ...terminal.written };
}

async function document(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out } = await troupe(...args, '--json');
  expect(code).toBe(0);
  return JSON.parse(out.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

it('makes, shows, changes, pauses and resumes a tenant', async () => {
  const made = await troupe('tenants', 'create', 'acme', '--queues', '3', '--description', 'a shop');
  expect(made.code).toBe(0);
  expect(made.out).toMatch(/^name +acme\nstate +ACTIVE\ndescription +a shop\n/);
  expect(made.out).toMatch(/queues +- +3\n/);
  expect((await troupe('tenants', 'create', 'acme')).code).toBe(5);
  await edge.store.queues.createQueue({
    tenant: 'acme',
    name: 'default',
    settings: {
      executionTimeoutMs: 1,
      retry: { maxAttempts: 1, initialMs: 1, coefficient: 1, maxMs: 1 },
      retentionMs: 60_000,
    },
    nowMs: Date.now(),
  });
  expect((await troupe('tenants', 'get', 'acme')).out).toMatch(/queues +1 +3\n/);
  await troupe('tenants', 'update', 'acme', '--queues', '0', '--submits-per-second', '5', '--running-jobs', '7');
  await troupe('tenants', 'update', 'acme', '--unfinished-jobs', '900', '--stored-bytes', '1.5GiB');
  expect((await troupe('tenants', 'get', 'acme')).out).toMatch(/running-jobs +0 +7\n/);
  expect((await troupe('tenants', 'get', 'acme')).out).toMatch(/stored-bytes +0 B +1.5 GiB\n/);
  expect((await troupe('tenants', 'update', 'acme', '--weight', '3')).out).toMatch(/\nweight +3\nnodes +all that/);
  expect((await troupe('tenants', 'update', 'acme', '--dedicated')).out).toMatch(/\nweight +3\nnodes +only those/);
  expect((await troupe('tenants', 'update', 'acme', '--no-dedicated')).out).toMatch(/\nnodes +all that/);
  expect((await troupe('tenants', 'update', 'acme', '--encrypted')).out).toMatch(/\npayloads +encrypted\n/);
  expect(await document('tenants', 'get', 'acme')).toMatchObject({
    quotas: { submitsPerSecond: 5, runningJobs: 7, unfinishedJobs: 900, storedBytes: 1.5 * 2 ** 30 },
    use: { queues: 1, serviceAccounts: 0 },
  });
  expect((await troupe('tenants', 'pause', 'acme', '--reason', 'the bill')).out).toMatch(
    /state +PAUSED.*\nreason +the bill\n/,
  );
  expect((await troupe('tenants', 'list')).out).toMatch(
    /^TENANT +STATE .*\nacme +PAUSED .* submits-per-second 5, running-jobs 7, unfinished-jobs 900, stored-bytes 1.5 GiB +.*a shop/,
  );
  expect(await document('tenants', 'resume', 'acme')).toMatchObject({ name: 'acme', state: 'ACTIVE' });
});

it('deletes a tenant if one is sure', async () => {
  expect(await troupe('tenants', 'delete', 'acme')).toMatchObject({
    code: 2,
    err: expect.stringContaining('add --yes') as string,
  });
  expect(await troupe('tenants', 'delete', 'acme', '--yes')).toMatchObject({
    code: 0,
    out: '0 jobs cancelled, 1 queues and 0 service accounts deleted\n',
  });
  expect(await document('tenants', 'get', 'acme')).toMatchObject({ state: 'DELETED' });
  expect(await document('tenants', 'delete', 'acme', '--yes')).toEqual({
    phase: 'done',
    jobsCancelled: 0,
    queuesDeleted: 0,
    accountsDeleted: 0,
  });
});

it('says what is wrong', async () => {
  const wrong = [
    [2, '--queues 0', 'tenants', 'create', 'x', '--queues', '0'],
    [2, 'nothing to change', 'tenants', 'update', 'x'],
    [2, '--weight', 'tenants', 'update', 'x', '--weight', '0'],
    [2, '--stored-bytes 1B: write a size from 1 KiB', 'tenants', 'update', 'x', '--stored-bytes', '1B'],
    [2, '--stored-bytes many', 'tenants', 'create', 'x', '--stored-bytes', 'many'],
    [4, '`troupe tenants list` shows the tenants', 'tenants', 'get', 'x'],
    [4, 'TENANT_NOT_FOUND', 'tenants', 'update', 'x', '--streams', '1'],
    [2, 'name', 'tenants', 'create', 'not a name'],
  ] as const;
  for (const [code, text, ...args] of wrong) {
    const ran = await troupe(...args);
    expect([ran.code, ran.err]).toEqual([code, expect.stringContaining(text)]);
  }
  await troupe('tenants', 'create', 'other');
  expect((await troupe('tenants', 'update', 'other', '--streams', '1', '--if-etag', 'old')).err).toContain(
    'TENANT_CHANGED',
  );
});
