/** Flags of the commands that start a process of the cluster (`dev`, `serve`), and the resulting configuration. */
import type { Command } from 'commander';
import { type Config, type ConfigInput, findConfigFile, loadConfig, readEnvironment } from '../../config/index.ts';
import { UsageError } from '../errors/exit-code.ts';
import { given } from '../../domain/given.ts';

export interface ProcessFlags {
  readonly config?: string;
  readonly store?: string;
  readonly handlers?: readonly string[];
  readonly handlerEnv?: readonly string[];
  readonly host?: string;
  readonly port?: string;
  readonly httpPort?: string;
  readonly webPort?: string;
  readonly dataDir?: string;
  readonly threads?: string;
  readonly roles?: string;
  readonly nodeId?: string;
  readonly nats?: string;
  readonly insecure?: boolean;
  /** False with `--no-auth`. */
  readonly auth?: boolean;
  readonly logLevel?: string;
  readonly set?: readonly string[];
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

/** Flags for the source of the configuration and for the store. */
export function addStoreFlags(command: Command): Command {
  return command
    .option('--store <kind>', 'sqlite (one file in the data folder) or cassandra')
    .option('--data-dir <dir>', 'folder for all persistent data (default: .troupe)')
    .option('--log-level <level>', 'debug, info, warn, error or silent')
    .option('--config <file>', 'configuration file (troupe.config.yaml, .yml or .json)')
    .option('--set <key=value>', 'set any configuration key; repeatable', collect);
}

export function addProcessFlags(command: Command): Command {
  return addStoreFlags(command)
    .option('--handlers <dir>', 'folder with your handlers, reloaded when they change; repeatable', collect)
    .option(
      '--handler-env <name>',
      'environment variable that handlers see, or a prefix such as APP_*; repeatable',
      collect,
    )
    .option('--port <number>', 'gRPC port (default: 50051; 0: any free port)')
    .option('--host <address>', 'gRPC address (default: 127.0.0.1)')
    .option('--http-port <number>', 'port of /healthz, /readyz, /metrics (default: 8080)')
    .option('--web-port <number>', 'port of calls in JSON and of the console (default: none; troupe dev: 8081)')
    .option('--threads <number>', 'threads that run jobs (default: one per core)')
    .option('--roles <list>', 'roles of this process (default: gateway,shards,workers)')
    .option('--node-id <name>', 'name of this process in the cluster')
    .option('--nats <servers>', 'NATS servers: host:port,host:port')
    .option('--insecure', 'allow an address other than loopback without TLS')
    .option('--no-auth', 'let everyone who reaches the gateway work with all jobs and queues');
}

/** For example `--set gateway.port=0` becomes `['gateway.port', '0']`. */
function splitSetting(setting: string): [string, string] {
  const at = setting.indexOf('=');
  if (at < 1) throw new UsageError(`--set ${setting}: write it as key=value`);
  return [setting.slice(0, at), setting.slice(at + 1)];
}

function flagValues(flags: ProcessFlags): Readonly<Record<string, unknown>> {
  const named = {
    'store.kind': flags.store,
    'workers.handlerDirs': flags.handlers,
    'handlers.env': flags.handlerEnv,
    'gateway.host': flags.host,
    'gateway.port': flags.port,
    'http.port': flags.httpPort,
    'gateway.web.port': flags.webPort,
    dataDir: flags.dataDir,
    'workers.threads': flags.threads,
    roles: flags.roles,
    nodeId: flags.nodeId,
    'nats.servers': flags.nats,
    'gateway.insecure': flags.insecure,
    'gateway.auth': flags.auth === false ? 'none' : undefined,
    'log.level': flags.logLevel,
  };
  return { ...Object.fromEntries((flags.set ?? []).map(splitSetting)), ...given(named) };
}

/**
 * Merges the sources: flags override the environment, which overrides the file, which overrides presets. Throws
 * ConfigError with all problems.
 */
export function processConfig(flags: ProcessFlags, presets: ConfigInput = {}): Config {
  const env = readEnvironment();
  const file = findConfigFile(process.cwd(), flags.config ?? env['TROUPE_CONFIG']);
  return loadConfig({
    env,
    presets,
    flags: flagValues(flags),
    ...given({
      fileText: file?.text,
      fileName: file?.path,
    }),
  });
}
