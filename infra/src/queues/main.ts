/**
 * The program that terraform runs for queues: `apply` creates and updates the declared queues, `delete` deletes one.
 */
import { spawnSync } from 'node:child_process';
import type { DeclaredQueues, QueueGateway } from '../config/queues.ts';
import { exitCodes, troupeArguments, withQueueFile } from './troupe-command.ts';

/** The input, as JSON in the variable TROUPE_QUEUES. */
export interface QueueOrder {
  readonly gateway: QueueGateway;
  /** The queues to apply (`apply`). */
  readonly queues?: DeclaredQueues;
  /** The queue to delete (`delete`). */
  readonly name?: string;
}

function run(args: readonly string[]): number {
  const { status, error } = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) throw error;
  return status ?? 1;
}

function deleteQueue(gateway: QueueGateway, name: string): number {
  const code = run(troupeArguments(gateway, 'delete', name));
  if (code === exitCodes.notFound) return 0;
  if (code === exitCodes.refused) {
    console.error(`queue ${name} stays, because it has unfinished jobs. Wait for them or purge it, then try again.`);
  }
  return code;
}

const [verb] = process.argv.slice(2);
const { gateway, queues = {}, name = '' } = JSON.parse(process.env['TROUPE_QUEUES'] ?? '{}') as QueueOrder;
process.exitCode =
  verb === 'delete'
    ? deleteQueue(gateway, name)
    : withQueueFile(queues, (path) => run(troupeArguments(gateway, 'apply', path)));
