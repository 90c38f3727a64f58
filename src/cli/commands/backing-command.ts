/**
 * `troupe backing nats|cassandra` prints how to run a server that `troupe dev` would start itself, so that another
 * supervisor can run it.
 */
import { Argument, type Command } from 'commander';
import type { BackingService } from '../processes/backing.ts';
import type { CommandContext } from '../calls/command-context.ts';
import { countFlag } from '../flags/flag-values.ts';
import { addStoreFlags, processConfig, type ProcessFlags } from '../flags/process-flags.ts';

interface BackingFlags extends ProcessFlags {
  readonly heapMb: number;
}

export function addBackingCommand(program: Command, { terminal, done }: CommandContext): void {
  const command = program
    .command('backing')
    .description(
      'find or download a nats-server or Cassandra, configure it for this machine, and print its start command (JSON)',
    )
    .addArgument(new Argument('<service>', 'which').choices(['nats', 'cassandra']))
    .option('--heap-mb <count>', 'heap of Cassandra, in MiB', countFlag('heap-mb', 128, 1_048_576), 1_024);
  addStoreFlags(command).action(async (service: BackingService, flags: BackingFlags) => {
    const { runBacking } = await import('../processes/backing.ts');
    done(await runBacking({ service, config: processConfig(flags), heapMb: flags.heapMb, terminal }));
  });
}
