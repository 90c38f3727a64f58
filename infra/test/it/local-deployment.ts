/** An environment `local` of its own, in a temporary folder and on free ports, and the CLI of the CDK on it. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findMarked, type RunningProcess } from '../../src/local/process-table.ts';
import { findTerraform } from '../../scripts/terraform.mjs';

const infraDir = fileURLToPath(new URL('../..', import.meta.url));
const rootDir = fileURLToPath(new URL('../../..', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly text: string;
}

export interface LocalDeployment {
  readonly dataDir: string;
  readonly ports: { readonly gateway: number };
  /** Writes the environment anew, with these keys changed. */
  configure(changes: Readonly<Record<string, unknown>>): void;
  /** Of the stack `local`, unless another is named. */
  cdktf(verb: 'deploy' | 'destroy' | 'diff', stack?: string): Promise<Ran>;
  troupe(...args: readonly string[]): Promise<Ran>;
  /** Process ids by name, as the pid files have them. */
  pids(): Readonly<Record<string, number>>;
  /** What really runs of it. */
  processes(): readonly RunningProcess[];
  remove(): void;
}

/** Colours, cursor movements: the CLI writes them even into a pipe. */
// eslint-disable-next-line no-control-regex -- they begin with a control character
const escapes = /\u001b\[[0-9;]*[A-Za-z]/g;

function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (text += String(piece)));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, text: text.replaceAll(escapes, '') });
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** Below the range that systems take ports for outgoing connections from. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 12_000 + Math.floor(Math.random() * 18_000);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if ((await Promise.all([...ports, first - 2_042].map(isFree))).every(Boolean)) return first;
  }
}

export async function createLocalDeployment(base: Readonly<Record<string, unknown>>): Promise<LocalDeployment> {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-deploy-'));
  const dataDir = join(folder, 'data');
  const first = await freePorts(10);
  const ports = { cassandra: first, nats: first + 1, gateway: first + 2, http: first + 3 };
  mkdirSync(join(folder, 'environments'));
  writeFileSync(join(folder, 'terraform.rc'), 'disable_checkpoint = true\n');
  const env = {
    ...process.env,
    TROUPE_ENVIRONMENTS: join(folder, 'environments'),
    TERRAFORM_BINARY_NAME: findTerraform(),
    TF_CLI_CONFIG_FILE: join(folder, 'terraform.rc'),
    CHECKPOINT_DISABLE: '1',
    CI: '1',
  };
  const configure = (changes: Readonly<Record<string, unknown>>): void => {
    const environment = { kind: 'local', dataDir, ports, ...base, ...changes };
    writeFileSync(join(folder, 'environments', 'local.ts'), `export default ${JSON.stringify(environment)};\n`);
  };
  configure({});
  return {
    dataDir,
    ports,
    configure,
    cdktf: (verb, stack = 'local') => {
      const args = [verb, stack, '--output', join(folder, 'cdktf.out'), ...(verb === 'diff' ? [] : ['--auto-approve'])];
      return run(join(infraDir, 'node_modules/.bin/cdktf'), args, infraDir, env);
    },
    troupe: (...args) => run(process.execPath, [join(rootDir, 'scripts/troupe.mjs'), ...args], rootDir, process.env),
    pids: () =>
      Object.fromEntries(
        readdirSync(join(dataDir, 'run')).flatMap((file) => {
          const { name, pid } = JSON.parse(readFileSync(join(dataDir, 'run', file), 'utf8')) as {
            readonly name: string;
            readonly pid?: number;
          };
          return pid === undefined ? [] : [[name, pid]];
        }),
      ),
    processes: () => findMarked([dataDir]),
    remove: () => {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
