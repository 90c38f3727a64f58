/** `troupe tenants diff|apply FILE` against a real gateway: what they print, what they change, and the exit codes. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { defaultQueueSettings } from '../../src/domain/queue.ts';
import { hastyClock } from '../support/hasty-clock.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

let edge: Edge;
let folder: string;
let client: TroupeClient;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-tenant-files-'));
  edge = await openEdge({ clock: hastyClock });
  client = edge.client();
});
afterAll(async () => {
  await edge.close();
  rmSync(folder, { recursive: true, force: true });
});

async function tenants(verb: 'diff' | 'apply', text: string, ...flags: readonly string[]) {
  const path = join(folder, 'tenants.yaml');
  writeFileSync(path, text);
  const terminal = recordedTerminal();
  const code = await runCli(['tenants', verb, path, ...flags, '--address', `127.0.0.1:${edge.port}`], { terminal });
  return { code, ...terminal.written };
}

const full = `
tenants:
  plain:
  shop:
    description: the shop
    quotas: { queues: 5, submitsPerSecond: 100 }
    weight: 3
    dedicated: true
  late: { state: paused, pauseReason: over budget }
`;

it('a dry run shows what would be made, and changes nothing', async () => {
  const shown = await tenants('diff', full);
  expect(shown).toMatchObject({ code: 7, err: '' });
  expect(shown.out).toBe(
    [
      '+ late: to be created',
      '    state: active -> paused',
      '    pauseReason: none -> over budget',
      '+ plain: to be created',
      '+ shop: to be created',
      '    description: none -> the shop',
      '    quotas.submitsPerSecond: none -> 100',
      '    quotas.queues: none -> 5',
      '    weight: 1 -> 3',
      '    dedicated: false -> true',
      '',
    ].join('\n'),
  );
  await expect(client.tenants.get('shop')).rejects.toMatchObject({ code: 'TENANT_NOT_FOUND' });
});

it('makes them, and then has nothing to do', async () => {
  expect((await tenants('apply', full)).code).toBe(0);
  expect(await client.tenants.get('shop')).toMatchObject({
    state: 'ACTIVE',
    description: 'the shop',
    quotas: { queues: 5, submitsPerSecond: 100 },
    weight: 3,
    dedicated: true,
  });
  expect(await client.tenants.get('late')).toMatchObject({ state: 'PAUSED', pauseReason: 'over budget' });
  expect(await tenants('diff', full)).toMatchObject({ code: 0, err: '' });
  expect((await tenants('apply', full)).out).toBe(
    'late: matches the file\nplain: matches the file\nshop: matches the file\n',
  );
});

it('mends what was changed by hand, and takes away what the file does not name', async () => {
  await client.tenants.resume('late');
  const { etag } = await client.tenants.get('plain');
  await client.tenants.update('plain', etag, { weight: 9, quotas: { streams: 4 } });
  const shown = JSON.parse((await tenants('diff', full, '--json')).out) as { readonly tenants: readonly object[] };
  expect(shown.tenants).toMatchObject([
    { name: 'late', action: 'update', changes: [{ setting: 'state' }, { setting: 'pauseReason' }] },
    {
      name: 'plain',
      action: 'update',
      changes: [
        { setting: 'quotas.streams', from: 4, to: null },
        { setting: 'weight', from: 9, to: 1 },
      ],
    },
    { name: 'shop', action: 'unchanged' },
  ]);
  expect((await tenants('apply', full)).code).toBe(0);
  expect(await client.tenants.get('plain')).toMatchObject({ weight: 1, quotas: {} });
  expect((await client.tenants.get('late')).state).toBe('PAUSED');
  expect((await tenants('diff', full)).code).toBe(0);
});

it('leaves what the file does not name, unless it is told to delete it, and then what has something', async () => {
  await client.tenants.create('default');
  await client.tenants.create('busy');
  await edge.store.queues.createQueue({ tenant: 'busy', name: 'q', settings: defaultQueueSettings, nowMs: Date.now() });
  const short = 'tenants: { plain: , late: { state: paused, pauseReason: over budget } }';
  expect(await tenants('diff', short)).toMatchObject({
    code: 0,
    out: expect.stringContaining('? shop: is not in the file, and stays\n') as string,
  });
  expect((await tenants('apply', short)).out).toContain('shop: is not in the file, and stays\n');
  expect((await client.tenants.get('shop')).state).toBe('ACTIVE');
  expect((await tenants('diff', short, '--prune')).out).toContain('- shop: to be deleted\n');
  const pruned = await tenants('apply', short, '--prune');
  expect(pruned.code).toBe(5);
  expect(pruned.out).toContain('busy: is not in the file, and stays, because it has queues or service accounts\n');
  expect(pruned.out).toContain('default: is not in the file, and stays\n');
  expect(pruned.out).toContain('shop: deleted\n');
  expect((await client.tenants.get('busy')).state).toBe('ACTIVE');
  expect((await client.tenants.get('shop')).state).toBe('DELETED');
});

it('does not make a tenant whose name is taken by a deleted one, and says until when', async () => {
  const refused = await tenants('apply', 'tenants: { shop: }');
  expect(refused.code).toBe(5);
  expect(refused.err).toContain('the tenant shop was deleted, and its ended jobs may be kept until');
});

it('is what an infrastructure stack runs', async () => {
  const runner = fileURLToPath(new URL('../../infra/src/queues/main.ts', import.meta.url));
  const gateway = { address: `127.0.0.1:${edge.port}` };
  const apply = async (declared: object): Promise<string> => {
    const env = { ...process.env, TROUPE_QUEUES: JSON.stringify({ gateway, tenants: declared }) };
    return (await promisify(execFile)(process.execPath, [runner, 'apply'], { env })).stdout;
  };
  expect(await apply({ stacked: { weight: 7 } })).toContain('stacked: created\n');
  expect(await apply({ stacked: { weight: 7 } })).toContain('stacked: matches the file\n');
  // What is not declared any more stays.
  await apply({});
  expect(await client.tenants.get('stacked')).toMatchObject({ state: 'ACTIVE', weight: 7 });
});

it('names everything that is wrong with a file, before any call', async () => {
  const wrong = `
tenants:
  not a name: {}
  __proto__: {}
  a: { quotas: { toString: 1, queues: 0 }, weight: 101, pauseReason: x }
  b: { state: deleted, role: viewer }
`;
  const refused = await tenants('apply', wrong);
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(refused.err).toContain('tenants.__proto__: is not an allowed name');
  const more = await tenants('apply', wrong.replace('  __proto__: {}\n', ''));
  for (const text of [
    'tenants.not a name: its name must be 1 to 64 of A-Z a-z 0-9 _ -',
    'tenants.a.quotas.toString: unknown key',
    'tenants.a.quotas.queues: must be a whole number from 1 to 100,000',
    'tenants.a.weight: must be a whole number from 1 to 100',
    'tenants.b.state: ',
    'tenants.b.role: unknown key',
  ])
    expect(more.err).toContain(text);
  expect((await tenants('apply', 'tenants: { a: { pauseReason: x } }')).err).toContain(
    'tenants.a.pauseReason: needs state paused',
  );
});
