/** `troupe backing`: prepares a service that a cluster depends on, and prints the command that runs it. */
import { createLogger } from '../../adapters/telemetry/logger.ts';
import { cassandraCommand, natsCommand } from '../../compose/backing-commands.ts';
import { cacheFolder, type Config, readEnvironment } from '../../config/index.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { documentLine } from '../text/job-document.ts';
import type { Terminal } from '../text/terminal.ts';

export type BackingService = 'nats' | 'cassandra';

export interface BackingRun {
  readonly service: BackingService;
  readonly config: Config;
  readonly heapMb: number;
  readonly terminal: Terminal;
}

export async function runBacking({ service, config, heapMb, terminal }: BackingRun): Promise<number> {
  // Only the command goes to standard output. Downloading a server takes a while, so its progress goes to standard
  // error.
  const { level, pretty } = config.log;
  const log = createLogger({ level, pretty, write: (line) => terminal.drawErr(line) });
  const surroundings = { cacheDir: cacheFolder(readEnvironment()), log };
  const command =
    service === 'nats' ? await natsCommand(config, surroundings) : await cassandraCommand(config, heapMb, surroundings);
  terminal.out(documentLine(command));
  return exitCodes.ok;
}
