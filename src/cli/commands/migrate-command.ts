/** `troupe migrate`: brings the schema of the store up to date before the first process of a new version starts. */
import type { Command } from 'commander';
import { migratePreset } from '../../config/index.ts';
import type { CommandContext } from '../calls/command-context.ts';
import { addStoreFlags, processConfig, type ProcessFlags } from '../flags/process-flags.ts';

export function addMigrateCommand(program: Command, { terminal, done }: CommandContext): void {
  const command = program
    .command('migrate')
    .description('migrate the schema of the store to this version; create it in a new store');
  addStoreFlags(command).action(async (flags: ProcessFlags) => {
    const config = processConfig(flags, migratePreset);
    const isJson = program.opts<{ readonly json?: boolean }>().json === true;
    const { runMigrate } = await import('../processes/migrate.ts');
    done(await runMigrate({ config, terminal, isJson }));
  });
}
