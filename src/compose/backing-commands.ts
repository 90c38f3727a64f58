/**
 * Prepares the nats-server and the Cassandra of `troupe dev` for another program to run (`troupe backing`). It finds or
 * fetches them, writes their configuration, and returns the command that runs each in the foreground. Returning the
 * command instead of running it gives the caller the id of the very process, so that a caller which dies leaves nothing
 * behind.
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
import { given } from '../domain/given.ts';

export interface BackingCommand {
  /** A path, or a name that is looked up in the PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly version: string;
}

interface Surroundings {
  readonly cacheDir: string;
  readonly log: Logger;
}

/** The streams and the configuration lie in `nats` of the data folder. */
export async function natsCommand(config: Config, { cacheDir, log }: Surroundings): Promise<BackingCommand> {
  const { serverPath, port } = config.nats;
  const binary = await findNatsServer({
    ...given({ explicitPath: serverPath }),
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

/** Everything lies in `cassandra` of the data folder. */
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
