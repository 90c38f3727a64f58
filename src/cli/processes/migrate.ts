/**
 * `troupe migrate`: brings the configured store to the schema of this version and agrees on the facts of the cluster.
 * Every process does the same when it starts; this command does it beforehand, for example as a job of a deploy. It is
 * idempotent, and several processes may run it at once.
 */
import { createRuntime } from '../../compose/runtime.ts';
import { openToMigrate } from '../../compose/store.ts';
import type { Config } from '../../config/index.ts';
import { TroupeError } from '../../domain/errors.ts';
import { exitCodeOf, exitCodes } from '../errors/exit-code.ts';
import { documentLine } from '../text/job-document.ts';
import type { Terminal } from '../text/terminal.ts';

export interface MigrateOptions {
  readonly config: Config;
  readonly terminal: Terminal;
  readonly isJson: boolean;
}

export async function runMigrate({ config, terminal, isJson }: MigrateOptions): Promise<number> {
  // Standard output is reserved for the result.
  const runtime = createRuntime(config, 'migrate', (line) => {
    terminal.drawErr(line);
  });
  try {
    const { store, facts } = await openToMigrate(config, runtime);
    const { from, to } = store.schema;
    const { kind } = store;
    const logins = kind === 'cassandra' ? config.store.cassandra.logins.map(({ user }) => user) : [];
    await store.close();
    terminal.out(
      isJson
        ? documentLine({ store: kind, schema: { from, to }, ...facts, logins })
        : text({ kind, from, to, ...facts, logins }),
    );
    return exitCodes.ok;
  } catch (error) {
    if (!(error instanceof TroupeError) || error.code !== 'STORE_UNAVAILABLE') throw error;
    terminal.err(`troupe: the store cannot be used: ${error.message}\n`);
    return exitCodeOf(error);
  } finally {
    runtime.log.flush();
  }
}

function text(done: {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
  readonly clusterId: string;
  readonly shardCount: number;
  readonly logins: readonly string[];
}): string {
  const climb =
    done.from === done.to ? `already has version ${done.to}` : `was migrated from version ${done.from} to ${done.to}`;
  const cluster = `cluster ${done.clusterId} has ${done.shardCount} shards\n`;
  const granted = done.logins.length === 0 ? '' : `logins with their rights: ${done.logins.join(', ')}\n`;
  return `the schema of the ${done.kind} store ${climb}\n${cluster}${granted}`;
}
