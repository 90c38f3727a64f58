// A Cassandra is to be started where there is no java: the caller is told at once, and the process goes on.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { startCassandra } from '../../src/backing/cassandra/cassandra-process.ts';

let dataDir: string | undefined;

afterEach(async () => {
  vi.unstubAllEnvs();
  if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true });
});

it('is said in words', async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'troupe-no-java-'));
  vi.stubEnv('PATH', dataDir);
  const install = { kind: 'java', version: '5.0.9', javaMajor: 17, libDir: dataDir } as const;
  const started = startCassandra({ install, dataDir, nativePort: 1, storagePort: 2, heapMb: 64 });
  await expect(started).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: 'Cassandra needs Java, but the command `java` cannot be started: install a JDK 17',
  });
});
