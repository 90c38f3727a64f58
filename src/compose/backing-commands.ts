/**
 * The nats-server and the Cassandra of `troupe dev`, for somebody else to run (`troupe backing`): found or fetched, their
 * configuration written, and the command that runs each in the foreground. It is that command which is handed out, not a
 * process around it, so that whoever starts it has the id of the very process: one that dies leaves nothing behind.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { provisionCassandra } from '../backing/cassandra/cassandra-install.ts';
import { defaultCommitLogWindowMs, prepareJava } from '../backing/cassandra/cassandra-process.ts';
import { findNatsServer } from '../backing/nats/find-nats-server.ts';
import { natsServerConfiguration } from '../backing/nats/nats-server-config.ts';
import type { Logger } from '../application/ports/runtime.ts';
import type { Config } from '../config/index.ts';
import { TroupeError } from '../domain/errors.ts';
import { cassandraPorts } from './backing-services.ts';
import { ownSyncInterval } from './nats-sync.ts';

export interface BackingCommand {
  /** A path, or a name that the PATH finds. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly version: string;
}

interface Surroundings {
  readonly cacheDir: string;
  readonly log: Logger;
}

/** Its streams, and its configuration, lie in `nats` of the data folder. */
export async function natsCommand(config: Config, { cacheDir, log }: Surroundings): Promise<BackingCommand> {
  const { serverPath, port } = config.nats;
  const binary = await findNatsServer({
    ...(serverPath !== undefined && { explicitPath: serverPath }),
    cacheDir: join(cacheDir, 'bin'),
    log,
    allowInstall: true,
  });
  const storeDir = resolve(config.dataDir, 'nats');
  await mkdir(storeDir, { recursive: true });
  const file = join(storeDir, 'nats-server.conf');
  const settings = { host: '127.0.0.1', port, storeDir, syncInterval: ownSyncInterval(config.nats) };
  await writeFile(file, natsServerConfiguration(settings));
  return { command: binary.path, args: ['-c', file], cwd: storeDir, version: binary.version };
}

/** All of it lies in `cassandra` of the data folder. */
export async function cassandraCommand(
  config: Config,
  heapMb: number,
  { cacheDir, log }: Surroundings,
): Promise<BackingCommand> {
  const install = await provisionCassandra({ cacheDir, log });
  if (install.kind === 'docker') {
    throw new TroupeError('STORE_UNAVAILABLE', {
      message:
        'Cassandra as a process of this machine needs Java 17 and Maven (Debian: apt-get install openjdk-17-jdk-headless maven)',
    });
  }
  const dataDir = resolve(config.dataDir, 'cassandra');
  const options = { dataDir, ...cassandraPorts(config), heapMb, commitLogWindowMs: defaultCommitLogWindowMs };
  const args = await prepareJava(install.libDir, options);
  return { command: 'java', args, cwd: dataDir, version: install.version };
}
