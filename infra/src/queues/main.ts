/**
 * The program that terraform runs for queues and tenants: `apply` makes and changes what is declared, `delete` deletes a queue.
 */
import { spawnSync } from 'node:child_process';
import type { DeclaredQueues, QueueGateway } from '../config/queues.ts';
import type { DeclaredTenants } from '../config/tenants.ts';
import { exitCodes, troupeArguments, withDeclaredFile } from './troupe-command.ts';

/** The input, as JSON in the variable TROUPE_QUEUES. */
export interface QueueOrder {
  readonly gateway: QueueGateway;
  /** The queues to apply (`apply`). */
  readonly queues?: DeclaredQueues;
  /** The tenants to apply, in place of queues (`apply`). */
  readonly tenants?: DeclaredTenants;
  /** The queue to delete (`delete`). */
  readonly name?: string;
}

function run(args: readonly string[]): number {
  const { status, error } = spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) throw error;
  return status ?? 1;
}

function deleteQueue(gateway: QueueGateway, name: string): number {
  const code = run(troupeArguments(gateway, 'queues', 'delete', name));
  if (code === exitCodes.notFound) return 0;
  if (code === exitCodes.refused) {
    console.error(`queue ${name} stays, because it has unfinished jobs. Wait for them or purge it, then try again.`);
  }
  return code;
}

const [verb] = process.argv.slice(2);
const { gateway, queues = {}, tenants, name = '' } = JSON.parse(process.env['TROUPE_QUEUES'] ?? '{}') as QueueOrder;
process.exitCode = verb === 'delete' ? deleteQueue(gateway, name) : apply();

function apply(): number {
  const kind = tenants === undefined ? 'queues' : 'tenants';
  return withDeclaredFile(kind, tenants ?? queues, (path) => run(troupeArguments(gateway, kind, 'apply', path)));
}
