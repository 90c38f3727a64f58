/**
 * The README, typed from the top into a fresh clone: every line of its shell blocks, in order, by a real shell. A new line
 * is run without anybody naming it here. `npm ci` alone is left out: the clone gets the packages of this checkout.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findGrpcurl } from '../../scripts/stock-clients.ts';
import { fileInPage, shellLinesOf } from '../support/docs-commands.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const page = 'README.md';
/** The first `npx` of a clone installs it as a package, with a compiler run: a minute where others use the cores. */
const lineTimeoutMs = 200_000;

/** Lines that need another cluster, a Cassandra or terraform, and the suite that runs each. */
const elsewhere: ReadonlyMap<string, string> = new Map([
  ['npx troupe migrate ', 'test/integration/cli-migrate.test.ts'],
  ['npx troupe serve ', 'test/e2e/serve.test.ts'],
  ['cd infra ', 'infra/test/it/local.test.ts'],
]);
/** The bench takes minutes: here it only starts and prints its options. */
const lessWork: ReadonlyMap<string, string> = new Map([['npm run bench', ' -- --help']]);
const lines = shellLinesOf(page);

let folder: string;
let clone: string;
let cluster: RunningCluster | undefined;
let programs: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-readme-'));
  clone = join(folder, 'troupe');
  const grpcurl = await findGrpcurl((text) => process.stdout.write(`readme: ${text}\n`));
  programs = 'path' in grpcurl ? dirname(grpcurl.path) : '';
});
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface RunningCluster {
  readonly address: string;
  readonly natsUrl: string;
  stop(): Promise<number | null>;
}

/** Free ports and a cache of its own, and nothing of what the tests' own shell says about Troupe. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([key]) => !/^(TROUPE_(?!NATS_SERVER)|VITEST|NODE_|npm_)/.test(key));
  const ports = { TROUPE_GATEWAY_PORT: '0', TROUPE_HTTP_PORT: '0', TROUPE_NATS_PORT: '0' };
  const path = [programs, process.env['PATH']].join(delimiter);
  const npmCache = join(folder, 'npm');
  return {
    ...Object.fromEntries(kept),
    ...ports,
    PATH: path,
    npm_config_cache: npmCache,
    TROUPE_ADDRESS: cluster?.address,
  };
}

async function shell(line: string, cwd: string): Promise<string> {
  const { stdout, stderr } = await run('bash', ['-c', line], { cwd, env: environment(), timeout: lineTimeoutMs });
  return stdout + stderr;
}

/** A clone has what is committed; what is not yet committed is laid over it, and the files of the page beside it. */
async function cloneBy(line: string): Promise<void> {
  await shell(line.replace('REPOSITORY', root), folder);
  const { stdout } = await run('git', ['status', '--porcelain', '-z', '--no-renames', '-uall'], { cwd: root });
  for (const file of stdout.split('\0').flatMap((entry) => (entry === '' ? [] : [entry.slice(3)]))) {
    if (existsSync(join(root, file))) cpSync(join(root, file), join(clone, file), { recursive: true });
    else rmSync(join(clone, file), { force: true });
  }
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  mkdirSync(join(clone, 'handlers'));
  for (const file of ['handlers/primes.job.ts', 'count-primes.ts']) {
    writeFileSync(join(clone, file), fileInPage(page, file));
  }
}

/** As a terminal does it: the line in a process group of its own, which Ctrl-C reaches as a whole. */
async function start(line: string): Promise<RunningCluster> {
  const child = spawn('bash', ['-c', line], { cwd: clone, env: environment(), detached: true, stdio: 'pipe' });
  const toGroup = (signal: NodeJS.Signals): boolean => process.kill(-(child.pid ?? 0), signal);
  const killAtExit = (): void => void toGroup('SIGKILL');
  process.once('exit', killAtExit);
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  void exited.then(() => process.off('exit', killAtExit));
  const [address, natsUrl] = await portsOf(child);
  const stop = (): Promise<number | null> => {
    toGroup('SIGINT');
    return exited;
  };
  return { address, natsUrl, stop };
}

function portsOf(child: ChildProcess): Promise<readonly [string, string]> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`it ended with ${code}:\n${said}`)));
    const read = (chunk: Buffer): void => {
      said += chunk.toString();
      const address = /^ {2}gRPC +(\S+)$/m.exec(said)?.[1];
      const natsUrl = /^ {2}NATS +(\S+)$/m.exec(said)?.[1];
      if (address !== undefined && natsUrl !== undefined) resolve([address, natsUrl]);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
  });
}

/** What `nats sub` does: the next message that the filter lets through. */
async function hears(filter: string): Promise<boolean> {
  const nats = await connect({ servers: cluster?.natsUrl ?? '' });
  try {
    const messages = nats.subscribe(filter, { max: 1, timeout: lineTimeoutMs });
    await nats.flush();
    await shell(`npx troupe submit fractal.render '{"width":8,"height":8}'`, clone);
    for await (const message of messages) return message.subject.startsWith('troupe.');
    return false;
  } finally {
    await nats.close();
  }
}

it.each(lines)('%s', { timeout: lineTimeoutMs + 20_000 }, async (line) => {
  const suite = [...elsewhere].find(([begin]) => line.startsWith(begin))?.[1];
  if (suite !== undefined) {
    expect(existsSync(join(root, suite))).toBe(true);
    return;
  }
  if (line.startsWith('git clone ')) return cloneBy(line);
  if (line.startsWith('npm start')) {
    const code = await cluster?.stop();
    expect(code ?? 0).toBe(0);
    cluster = await start(line);
    return;
  }
  if (line.startsWith('nats sub ')) {
    expect(await hears(/'([^']+)'/.exec(line)?.[1] ?? '')).toBe(true);
    return;
  }
  if (line.startsWith('grpcurl ') && programs === '') return;
  const shown = await shell(
    line.replace('127.0.0.1:50051', cluster?.address ?? '') + (lessWork.get(line) ?? ''),
    clone,
  );
  expect(shown).not.toBe('');
});

it('the client of the page prints what the page says', async () => {
  expect(await shell('npx node count-primes.ts', clone)).toContain('{ count: 78498 }');
});
