/** A machine without Java is told what to install, in one line. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const install = new URL('../../src/backing/cassandra/cassandra-install.ts', import.meta.url).href;
const program = `
  const { provisionCassandra } = await import('${install}');
  const log = { info() {} };
  await provisionCassandra({ cacheDir: process.argv[1], log }).then(
    () => console.log('installed'),
    (error) => console.log(error.code + ': ' + error.message),
  );`;

it('says what to install when neither Java nor Docker is there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-no-java-'));
  const args = ['--input-type=module', '-e', program, folder];
  // The folder is empty, so as a PATH it has no program at all.
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: folder }, timeout: 30_000 });
  expect(stdout.trim().split('\n')).toHaveLength(1);
  expect(stdout).toMatch(
    /^STORE_UNAVAILABLE: Cassandra needs Java: install a JDK 17 and Maven .*TROUPE_CASSANDRA=host:port/,
  );
  await rm(folder, { recursive: true });
});
