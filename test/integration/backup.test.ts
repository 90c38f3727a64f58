// `troupe backup` on a file that is written to meanwhile: the copy is one instant of it, and nothing else is ever left.
import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFilePayloads } from '../../src/adapters/files/file-payload-store.ts';
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import { runCli } from '../../src/cli/main.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { clusterMark, storeRuntime } from '../support/stores.ts';

let dir: string;
let dataDir: string;
const largeBytes = new Uint8Array(2 << 20).fill(7);

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'troupe-backup-'));
  dataDir = join(dir, 'data');
  const store = await openSqliteStore({ path: join(dataDir, 'troupe.db'), ...storeRuntime });
  await store.agreeFacts({ clusterId: 'the-cluster', shardCount: 4 });
  await store.close();
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

async function backup(file: string, ...more: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = recordedTerminal();
  const code = await runCli(['--json', 'backup', file, '--data-dir', dataDir, ...more], { terminal });
  return { code, ...terminal.written };
}

const open = (folder: string) =>
  openFilePayloads({ folder, writes: true, ...clusterMark('the-cluster'), ...storeRuntime });

async function putLarge(folder: string, name: string): Promise<string> {
  const { payloads, close } = await open(folder);
  const id = await payloads.putPayload({ name, bytes: largeBytes, expiresAtMs: Date.now() + 600_000 });
  close();
  return id;
}

async function readLarge(folder: string, id: string): Promise<Uint8Array | undefined> {
  const { payloads, close } = await open(folder);
  close();
  return payloads.getPayload(id);
}

describe('troupe backup', () => {
  it('has the large payloads in a folder beside the file, where a store on the copy finds them', async () => {
    const folder = join(dataDir, 'troupe.db.objects');
    const id = await putLarge(folder, 'large');
    // Somebody is still uploading.
    writeFileSync(join(folder, 'unfinished', 'draft'), 'half');
    const [hour = ''] = readdirSync(folder).filter((name) => name !== 'unfinished');
    // What NFS keeps of a file that was erased while somebody read it.
    writeFileSync(join(folder, hour, '.nfs000000000000dead'), 'erased');
    const { code, out } = await backup(join(dir, 'copy.db'));
    const copied = join(dir, 'copy.db.objects');
    expect({ code, said: JSON.parse(out) as unknown }).toMatchObject({
      code: 0,
      said: { objects: { folder: copied, files: 1, bytes: largeBytes.byteLength } },
    });
    expect(readdirSync(copied)).not.toContain('unfinished');
    expect(await readLarge(copied, id)).toEqual(largeBytes);
    expect(readdirSync(dir).sort()).toEqual(['copy.db', 'copy.db.objects', 'data']);
  });

  it('finds the large payloads where the configuration says, and overwrites no older copy of them', async () => {
    const folder = join(dir, 'elsewhere');
    const id = await putLarge(folder, 'large');
    const options = ['--set', `objects.files.path=${folder}`];
    expect((await backup(join(dir, 'copy.db'), ...options)).code).toBe(0);
    expect(await readLarge(join(dir, 'copy.db.objects'), id)).toEqual(largeBytes);
    rmSync(join(dir, 'copy.db'));
    expect(await backup(join(dir, 'copy.db'), ...options)).toMatchObject({
      code: 2,
      err: expect.stringContaining('copy.db.objects already exists') as string,
    });
  });

  it('says that it has none of the payloads in a bucket', async () => {
    const s3 = ['--set', 'objects.kind=s3', '--set', 'objects.s3.bucket=far-off'];
    const { code, out, err } = await backup(join(dir, 'copy.db'), ...s3);
    expect([code, JSON.parse(out)]).toMatchObject([0, { objects: null, bucketNotIncluded: 'far-off' }]);
    expect(err).toContain('the large payloads in the bucket far-off are not in this backup');
  });

  it('has no folder of large payloads when there are none', async () => {
    const { out } = await backup(join(dir, 'copy.db'));
    expect(JSON.parse(out)).toMatchObject({ objects: null });
    expect(readdirSync(dir).sort()).toEqual(['copy.db', 'data']);
  });

  it('makes a store that opens with what was committed, and says how large it is', async () => {
    const { code, out } = await backup(join(dir, 'copy.db'));
    expect({ code, said: JSON.parse(out) as unknown }).toMatchObject({
      code: 0,
      said: { backup: join(dir, 'copy.db') },
    });
    const copy = await openSqliteStore({ path: join(dir, 'copy.db'), ...storeRuntime });
    expect(await copy.agreeFacts({ clusterId: 'another', shardCount: 9 })).toEqual({
      clusterId: 'the-cluster',
      shardCount: 4,
    });
    await copy.close();
  });

  it('is no part of a transaction that is open, and is not held up by it', async () => {
    const writer = new DatabaseSync(join(dataDir, 'troupe.db'));
    writer.exec("BEGIN IMMEDIATE; UPDATE cluster SET cluster_id = 'not committed'");
    expect((await backup(join(dir, 'copy.db'))).code).toBe(0);
    writer.exec('COMMIT');
    writer.close();
    const copy = new DatabaseSync(join(dir, 'copy.db'), { readOnly: true });
    expect(copy.prepare('SELECT cluster_id AS id FROM cluster').get()).toMatchObject({ id: 'the-cluster' });
    copy.close();
  });

  it('overwrites nothing', async () => {
    writeFileSync(join(dir, 'copy.db'), 'precious');
    expect(await backup(join(dir, 'copy.db'))).toMatchObject({
      code: 2,
      err: expect.stringContaining('already exists') as string,
    });
  });

  it.each([
    ['where there is no store', ['--set', 'store.sqlite.path=/nowhere/troupe.db'], 2, 'there is no store here'],
    ['of a Cassandra', ['--set', 'store.kind=cassandra'], 2, 'its own tools'],
  ])('is refused %s', async (_what, more, code, said) => {
    expect(await backup(join(dir, 'copy.db'), ...more)).toMatchObject({
      code,
      err: expect.stringContaining(said) as string,
    });
  });

  it('is refused for a folder that is not there, and for a file of another program', async () => {
    expect(await backup(join(dir, 'nowhere', 'copy.db'))).toMatchObject({ code: 2 });
    const other = new DatabaseSync(join(dir, 'other.db'));
    other.exec('CREATE TABLE theirs (a)');
    other.close();
    expect(await backup(join(dir, 'copy.db'), '--set', `store.sqlite.path=${join(dir, 'other.db')}`)).toMatchObject({
      code: 8,
      err: expect.stringContaining('another program') as string,
    });
  });

  it('leaves nothing under the name, nor beside it, when the store turns out to be damaged', async () => {
    const pageBytes = 8_192;
    const file = openSync(join(dataDir, 'troupe.db'), 'r+');
    // All but the first page, which has the schema: it opens, and breaks when it is read.
    writeSync(file, Buffer.alloc(fstatSync(file).size - pageBytes), 0, undefined, pageBytes);
    closeSync(file);
    mkdirSync(join(dir, 'backups'));
    await putLarge(join(dataDir, 'troupe.db.objects'), 'large');
    expect(await backup(join(dir, 'backups', 'copy.db'))).toMatchObject({
      code: 8,
      err: expect.stringContaining('damaged') as string,
    });
    expect(readdirSync(join(dir, 'backups'))).toEqual([]);
  });
});
