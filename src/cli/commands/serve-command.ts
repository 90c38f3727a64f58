/** `troupe serve`: one process of a cluster whose NATS and store are there already; for production. */
import type { Command } from 'commander';
import { type Config, ConfigError } from '../../config/index.ts';
import type { CommandContext } from '../command-context.ts';
import { addProcessFlags, processConfig, type ProcessFlags } from '../process-flags.ts';

/** What `dev` would start by itself, `serve` must be told. */
export function serveConfig(flags: ProcessFlags): Config {
  const config = processConfig(flags);
  if (config.nats.servers.length > 0) return config;
  const message = 'name the NATS to use (`troupe dev` starts one of its own)';
  throw new ConfigError([{ path: 'nats.servers', source: 'default', message }]);
}

export function addServeCommand(program: Command, { terminal, done }: CommandContext): void {
  const command = program
    .command('serve')
    .description('run one process of a cluster, with the roles of its configuration; SIGTERM drains and stops it');
  addProcessFlags(command).action(async (flags: ProcessFlags) => {
    const config = serveConfig(flags);
    const { runServe } = await import('../serve.ts');
    done(await runServe({ config, terminal }));
  });
}
