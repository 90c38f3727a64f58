/** `troupe migrate` and `troupe backing`: what is prepared before the processes of a cluster start. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import { runCli } from '../../src/cli/main.ts';
import { freePort } from '../support/cassandra-global.ts';
import { eventually } from '../support/nats.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { storeRuntime } from '../support/stores.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'troupe-migrate-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

async function troupe(...argv: readonly string[]) {
  const terminal = recordedTerminal();
  return { code: await runCli(argv, { terminal }), ...terminal.written };
}

describe('troupe migrate', () => {
  it('makes the schema and the cluster once, and finds nothing to do the next time', async () => {
    const first = await troupe('migrate', '--data-dir', dataDir, '--set', 'shards.count=6');
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(
      /schema of the sqlite store was migrated from version 0 to \d+\ncluster [0-9a-f-]{36} has 6 shards/,
    );
    const again = await troupe('migrate', '--data-dir', dataDir, '--json');
    const document = JSON.parse(again.out) as { readonly schema: { readonly from: number; readonly to: number } };
    expect(document).toMatchObject({ store: 'sqlite', shardCount: 6 });
    expect(document.schema.from).toBe(document.schema.to);
    expect(first.out).toContain(`to ${document.schema.to}\n`);
  });

  it('leaves the place of large payloads to those who have it mounted', async () => {
    expect((await troupe('migrate', '--data-dir', dataDir, '--set', 'objects.kind=files')).code).toBe(0);
    expect(existsSync(join(dataDir, 'troupe.db.objects'))).toBe(false);
    const store = await openSqliteStore({ path: join(dataDir, 'troupe.db'), ...storeRuntime });
    expect(await store.objectsMark.isNoted()).toBe(false);
    await store.close();
  });

  it.each([
    ['a ring that does not answer', ['--store', 'cassandra', '--set', 'store.cassandra.contactPoints=127.0.0.1:1'], 3],
    ['a key that there is not', ['--set', 'store.kin=sqlite'], 2],
  ])('%s: says so, with the exit code', async (_, flags, code) => {
    const done = await troupe('migrate', '--data-dir', dataDir, ...flags);
    expect(done).toMatchObject({ code, out: '' });
    expect(done.err).toMatch(code === 3 ? /does not answer at 127\.0\.0\.1:1/ : /store\.kin: unknown key/);
  });

  it('names a store that is damaged, with the page that helps, and a folder that is none', async () => {
    const file = join(dataDir, 'troupe.db');
    writeFileSync(file, 'this is no database, and long enough to be taken for one that was damaged'.repeat(200));
    const damaged = await troupe('migrate', '--data-dir', dataDir);
    expect(damaged.code).toBe(8);
    expect(damaged.err).toContain(`${file}: the file is not a SQLite database; docs/operating/backup-and-restore.md`);
    const none = await troupe('migrate', '--data-dir', join(file, 'x'));
    expect(none).toEqual({ code: 2, out: '', err: `troupe: ${join(file, 'x')}: a part of the path is not a folder\n` });
  });
});

describe('troupe backing', () => {
  it('prints the command of a nats-server, which is that server itself', async () => {
    const port = await freePort();
    const done = await troupe('backing', 'nats', '--data-dir', dataDir, '--set', `nats.port=${port}`);
    expect(done.code, done.err).toBe(0);
    const { command, args, cwd } = JSON.parse(done.out) as { command: string; args: string[]; cwd: string };
    const server = spawn(command, args, { cwd, stdio: 'ignore' });
    const exited = new Promise((resolve) => server.once('exit', resolve));
    try {
      const greets = async (): Promise<boolean> => (await greeting(port)).includes('"jetstream":true');
      await eventually(greets, 15_000);
    } finally {
      server.kill('SIGKILL');
      await exited;
    }
    expect(await greeting(port)).toBe('');
  });

  it('refuses a service that there is not', async () => {
    expect(await troupe('backing', 'redis')).toMatchObject({ code: 2, out: '' });
  });
});

/** What a nats-server says first, or nothing when none is there. */
function greeting(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (text: string) => {
      socket.destroy();
      resolve(text);
    };
    socket.once('data', (data) => end(data.toString('utf8')));
    socket.once('error', () => end('')).once('close', () => end(''));
  });
}
