/** `troupe backup FILE`: copies the embedded store while the cluster runs. */
import type { Command } from 'commander';
import type { CommandContext } from '../calls/command-context.ts';
import { addStoreFlags, processConfig, type ProcessFlags } from '../flags/process-flags.ts';

export function addBackupCommand(program: Command, { terminal, done }: CommandContext): void {
  const command = program
    .command('backup <file>')
    .description(
      'copy the embedded store (SQLite) into a file, and its large payloads into FILE.objects, also while the cluster runs',
    );
  addStoreFlags(command).action(async (file: string, flags: ProcessFlags) => {
    const config = processConfig(flags);
    const isJson = program.opts<{ readonly json?: boolean }>().json === true;
    const { runBackup } = await import('../processes/backup.ts');
    done(await runBackup({ config, file, terminal, isJson }));
  });
}
