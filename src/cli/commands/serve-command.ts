/** `troupe serve`: starts one process of a cluster, for production. NATS and the store must be running. */
import type { Command } from 'commander';
import { type Config, ConfigError } from '../../config/index.ts';
import type { CommandContext } from '../calls/command-context.ts';
import { addProcessFlags, processConfig, type ProcessFlags } from '../flags/process-flags.ts';

/** Builds the configuration. Unlike `dev`, `serve` starts no NATS, so its address is required. */
export function serveConfig(flags: ProcessFlags): Config {
  const config = processConfig(flags);
  if (config.nats.servers.length > 0) return config;
  const message =
    'must name the NATS servers to use: set it, or pass --nats (only `troupe dev` starts its own nats-server)';
  throw new ConfigError([{ path: 'nats.servers', source: 'default', message }]);
}

export function addServeCommand(program: Command, { terminal, done }: CommandContext): void {
  const command = program
    .command('serve')
    .description('run one process of a cluster, with the roles of its configuration; SIGTERM drains and stops it');
  addProcessFlags(command).action(async (flags: ProcessFlags) => {
    const config = serveConfig(flags);
    const { runServe } = await import('../processes/serve.ts');
    done(await runServe({ config, terminal }));
  });
}
