/** `troupe dev`: builds the configuration from flags, environment and file. src/cli/dev/dev.ts starts the cluster. */
import type { Command } from 'commander';
import { type Config, devPreset } from '../../config/index.ts';
import type { CommandContext } from '../calls/command-context.ts';
import { addProcessFlags, processConfig, type ProcessFlags } from '../flags/process-flags.ts';
import type { Terminal } from '../text/terminal.ts';

interface DevFlags extends ProcessFlags {
  readonly samples: boolean;
  readonly demo?: boolean;
}

export function devConfig(flags: ProcessFlags, terminal: Terminal): Config {
  return processConfig(flags, devPreset({ isTerminal: terminal.isOutTerminal }));
}

export function addDevCommand(program: Command, { terminal, done }: CommandContext): void {
  const command = program
    .command('dev')
    .description('start a whole cluster on this machine; Ctrl-C drains and stops it');
  addProcessFlags(command)
    .option('--no-samples', 'do not submit the sample jobs')
    .option('--demo', 'run the sample jobs to the end, print a report, and stop')
    .action(async (flags: DevFlags) => {
      const config = devConfig(flags, terminal);
      const { runDev } = await import('../dev/dev.ts');
      done(await runDev({ config, samples: flags.samples, demo: flags.demo === true, terminal }));
    });
}
