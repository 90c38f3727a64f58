/** `troupe dev`: turns flags, environment and file into a configuration; `src/cli/dev.ts` starts what it says. */
import type { Command } from 'commander';
import type { Config, ConfigInput } from '../../config/index.ts';
import { addProcessFlags, processConfig } from '../process-flags.ts';
import type { ProcessFlags } from '../process-flags.ts';
import type { Terminal } from '../terminal.ts';

interface DevFlags extends ProcessFlags {
  readonly samples: boolean;
  readonly demo?: boolean;
}

/** One machine and a person in front of it; said in the introduction of the configuration reference. */
function devPresets(terminal: Terminal): ConfigInput {
  return {
    shards: { count: 4 },
    gateway: { reflection: true },
    log: { pretty: terminal.isOutTerminal, level: terminal.isOutTerminal ? 'warn' : 'info' },
  };
}

export function devConfig(flags: ProcessFlags, terminal: Terminal): Config {
  return processConfig(flags, devPresets(terminal));
}

export function addDevCommand(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  const command = program
    .command('dev')
    .description('start a whole cluster on this machine, in this terminal; Ctrl-C drains and stops it');
  addProcessFlags(command)
    .option('--no-samples', 'do not submit the sample jobs')
    .option('--demo', 'run the sample jobs to the end, print what became of them, and stop')
    .action(async (flags: DevFlags) => {
      const config = devConfig(flags, terminal);
      const { runDev } = await import('../dev.ts');
      done(await runDev({ config, samples: flags.samples, demo: flags.demo === true, terminal }));
    });
}
