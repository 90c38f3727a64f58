/** Who is told to write no large payloads meets those of others all the same, as in the middle of an upgrade. */
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import { createRuntime } from '../../src/compose/runtime.ts';
import { openStore } from '../../src/compose/store.ts';
import { loadConfig } from '../../src/config/index.ts';
import { largePayloads } from '../support/file-payloads.ts';

let dataDir: string;
const bytes = new Uint8Array(2 << 20).fill(7);

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'troupe-kind-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

async function payloadsWith(
  kind: 'files' | 'none',
  more: Readonly<Record<string, string>> = {},
): Promise<PayloadStore> {
  const config = loadConfig({ flags: { dataDir, 'log.level': 'silent', 'objects.kind': kind, ...more } });
  const { store } = await openStore(config, createRuntime(config, 'n1'));
  onTestFinished(() => store.close());
  return store.payloads;
}

const input = (name: string) => ({ name, bytes, expiresAtMs: Date.now() + 600_000 });
const folder = () => join(dataDir, 'troupe.db.objects');
const files = () => largePayloads(join(dataDir, 'troupe.db'));

it('reads and erases what lies in files, also when the folder came later, and writes none itself', async () => {
  const none = await payloadsWith('none');
  await none.putPayload(input('small'));
  expect(existsSync(folder())).toBe(false);
  const others = await payloadsWith('files');
  const id = await others.putPayload(input('large'));
  expect(files()).toHaveLength(1);
  expect(await none.getPayload(id)).toEqual(bytes);
  await none.deletePayload(id);
  expect(files()).toEqual([]);
  expect(await others.getPayload(id)).toBeUndefined();
});

it('does not call a payload missing whose folder it cannot find', async () => {
  const others = await payloadsWith('files');
  const id = await others.putPayload(input('large'));
  rmSync(folder(), { recursive: true });
  const none = await payloadsWith('none');
  for (const ask of ['getPayload', 'openPayload', 'deletePayload'] as const)
    await expect(none[ask](id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});

it('does not start where its large payloads are not, and finds them where they are', async () => {
  const id = await (await payloadsWith('files')).putPayload(input('large'));
  const changed = { 'objects.files.path': join(dataDir, 'elsewhere') };
  await expect(payloadsWith('files', changed)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('it is not the one that this cluster has used') as string,
  });
  expect(existsSync(changed['objects.files.path'])).toBe(false);
  renameSync(folder(), `${folder()}-not-mounted`);
  await expect(payloadsWith('files')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect(existsSync(folder())).toBe(false);
  renameSync(`${folder()}-not-mounted`, folder());
  expect(await (await payloadsWith('files')).getPayload(id)).toEqual(bytes);
});

it('does not start on the large payloads of another cluster', async () => {
  const config = loadConfig({ flags: { dataDir, 'log.level': 'silent', 'objects.kind': 'files' } });
  await (await openStore(config, createRuntime(config, 'n1'))).store.close();
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(dataDir, `troupe.db${suffix}`), { force: true });
  await expect(payloadsWith('files')).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringContaining('another cluster uses it') as string,
  });
});

it('leaves the place to gateways and workers: shards alone need not have it mounted', async () => {
  const elsewhere = { 'objects.files.path': join(dataDir, 'not-mounted') };
  await payloadsWith('files', { ...elsewhere, roles: 'shards' });
  expect(existsSync(elsewhere['objects.files.path'])).toBe(false);
  const id = await (await payloadsWith('files', { roles: 'gateway' })).putPayload(input('large'));
  expect(await (await payloadsWith('files', { roles: 'workers' })).getPayload(id)).toEqual(bytes);
  const shards = await payloadsWith('files', { ...elsewhere, roles: 'shards' });
  await expect(shards.getPayload(id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});
