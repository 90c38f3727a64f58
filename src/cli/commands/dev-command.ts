/** `troupe dev`: turns flags, environment and file into a configuration; `src/cli/dev.ts` starts what it says. */
import type { Command } from 'commander';
import { findConfigFile, loadConfig, readEnvironment } from '../../config/index.ts';
import type { Config, ConfigInput } from '../../config/index.ts';
import { UsageError } from '../exit-code.ts';
import { given } from '../flag-values.ts';
import type { Terminal } from '../terminal.ts';

interface DevFlags {
  readonly config?: string;
  readonly store?: string;
  readonly handlers?: readonly string[];
  readonly host?: string;
  readonly port?: string;
  readonly httpPort?: string;
  readonly dataDir?: string;
  readonly threads?: string;
  readonly roles?: string;
  readonly nodeId?: string;
  readonly nats?: string;
  readonly insecure?: boolean;
  readonly logLevel?: string;
  readonly set?: readonly string[];
  readonly samples: boolean;
  readonly demo?: boolean;
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** `--set gateway.port=0` → `['gateway.port', '0']` */
function splitSetting(setting: string): [string, string] {
  const at = setting.indexOf('=');
  if (at < 1) throw new UsageError(`--set ${setting}: write it as key=value`);
  return [setting.slice(0, at), setting.slice(at + 1)];
}

function flagValues(flags: DevFlags): Readonly<Record<string, unknown>> {
  const named = {
    'store.kind': flags.store,
    'workers.handlerDirs': flags.handlers,
    'gateway.host': flags.host,
    'gateway.port': flags.port,
    'http.port': flags.httpPort,
    dataDir: flags.dataDir,
    'workers.threads': flags.threads,
    roles: flags.roles,
    nodeId: flags.nodeId,
    'nats.servers': flags.nats,
    'gateway.insecure': flags.insecure,
    'log.level': flags.logLevel,
  };
  return { ...Object.fromEntries((flags.set ?? []).map(splitSetting)), ...given(named) };
}

/** One machine and a person in front of it; said in the introduction of the configuration reference. */
function devPresets(terminal: Terminal): ConfigInput {
  return {
    shards: { count: 4 },
    gateway: { reflection: true },
    log: { pretty: terminal.isOutTerminal, level: terminal.isOutTerminal ? 'warn' : 'info' },
  };
}

export function devConfig(flags: DevFlags, terminal: Terminal): Config {
  const env = readEnvironment();
  const file = findConfigFile(process.cwd(), flags.config ?? env['TROUPE_CONFIG']);
  return loadConfig({
    env,
    presets: devPresets(terminal),
    flags: flagValues(flags),
    ...(file !== undefined && { fileText: file.text, fileName: file.path }),
  });
}

export function addDevCommand(program: Command, terminal: Terminal, done: (exitCode: number) => void): void {
  program
    .command('dev')
    .description('start a whole cluster on this machine, in this terminal; Ctrl-C drains and stops it')
    .option('--store <kind>', 'sqlite (one file in the data folder) or cassandra')
    .option('--handlers <dir>', 'folder with your handlers; reloaded when they change; may be repeated', collect)
    .option('--port <number>', 'gRPC port (50051; 0: any free one)')
    .option('--host <address>', 'gRPC address (127.0.0.1)')
    .option('--http-port <number>', 'port of /healthz, /readyz, /metrics (8080)')
    .option('--data-dir <dir>', 'folder for everything that is kept (.troupe)')
    .option('--threads <number>', 'worker threads (one for each core)')
    .option('--roles <list>', 'gateway,shards,workers: what this process does')
    .option('--node-id <name>', 'name of this process in the cluster')
    .option('--nats <servers>', 'use this NATS instead of starting one: host:port,host:port')
    .option('--insecure', 'allow an address other than loopback without TLS')
    .option('--log-level <level>', 'debug, info, warn, error, silent')
    .option('--config <file>', 'configuration file (troupe.config.yaml, .yml or .json)')
    .option('--set <key=value>', 'any key of the configuration; may be repeated', collect)
    .option('--no-samples', 'do not submit the sample jobs')
    .option('--demo', 'run the sample jobs to the end, print what became of them, and stop')
    .action(async (flags: DevFlags) => {
      const config = devConfig(flags, terminal);
      const { runDev } = await import('../dev.ts');
      done(await runDev({ config, samples: flags.samples, demo: flags.demo === true, terminal }));
    });
}
