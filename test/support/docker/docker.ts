/** A Docker daemon to test with: the one that DOCKER_HOST or the usual socket leads to, otherwise a private one. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findDockerPrograms } from './docker-programs.ts';
import { startPrivateDaemon } from './private-daemon.ts';

const execute = promisify(execFile);
const probeTimeoutMs = 20_000;
const commandTimeoutMs = 600_000;
const outputMaxBytes = 64 << 20;

export interface Docker {
  /** An `own` daemon has no containers or images of others and reaches no registry. */
  readonly kind: 'given' | 'own';
  /**
   * Runs `docker ARGS…`. Resolves with its standard output. Rejects with its whole output if the exit code is not 0.
   */
  run(args: readonly string[], options?: RunOptions): Promise<string>;
  stop(): Promise<void>;
}

export interface RunOptions {
  /** If set, resolves with both streams, one after the other. */
  readonly withErrors?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

function dockerIn(environment: Environment): Docker['run'] {
  return async (args, { env = {}, timeoutMs = commandTimeoutMs, withErrors = false } = {}) => {
    const options = { env: { ...environment, ...env }, timeout: timeoutMs, maxBuffer: outputMaxBytes };
    try {
      const { stdout, stderr } = await execute('docker', [...args], options);
      return (withErrors ? `${stdout}\n${stderr}` : stdout).trim();
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
      const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-30).join('\n');
      throw new Error(`docker ${args.slice(0, 4).join(' ')} …: ${said || String(error)}`, { cause: error });
    }
  };
}

/** Selects the builder inside the daemon if the client lacks the newer one (buildx). */
async function withBuilder(environment: Environment): Promise<Environment> {
  const hasBuildx = await dockerIn(environment)(['buildx', 'version'], { timeoutMs: probeTimeoutMs }).then(
    () => true,
    () => false,
  );
  return hasBuildx ? environment : { ...environment, DOCKER_BUILDKIT: '0' };
}

/** Returns a daemon, or the reason why there is none. The caller must stop it. */
export async function openDocker(cacheDir: string): Promise<Docker | string> {
  const given = dockerIn(process.env);
  const answers = await given(['info', '--format', '{{.ServerVersion}}'], { timeoutMs: probeTimeoutMs }).then(
    (version) => version !== '',
    () => false,
  );
  if (answers) {
    return { kind: 'given', run: dockerIn(await withBuilder(process.env)), stop: () => Promise.resolve() };
  }
  const programs = await findDockerPrograms(cacheDir);
  if (typeof programs === 'string') return `no Docker daemon answers, and ${programs}`;
  try {
    const daemon = await startPrivateDaemon(programs);
    const environment = await withBuilder({ ...process.env, PATH: programs['PATH'], DOCKER_HOST: daemon.host });
    return { kind: 'own', run: dockerIn(environment), stop: () => daemon.stop() };
  } catch (error) {
    return `no Docker daemon answers, and one of our own does not start: ${error instanceof Error ? error.message : String(error)}`;
  }
}
