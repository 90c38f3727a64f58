/**
 * What a user does, on exactly the lowest Node that package.json claims (test/lowest-node brings it): imports what is
 * exported, runs a cluster with a handler of their own, brings a job to its end, stops. From a checkout, whose TypeScript
 * runs as it is, and from the published package. Every Node that is started on the way says its version.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPackage, type InstalledPackage } from '../support/installed-package.ts';
import { eventually, natsServerPath } from '../support/nats.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const node = join(root, 'test/lowest-node/node_modules/.bin/node');
const readyMs = 60_000;
/** Runs whenever a Node begins: that of the command, of the cells it starts, of their threads. */
const witness = `--import=data:text/javascript,${encodeURIComponent('console.error("runs on", process.version)')}`;

interface Manifest {
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, unknown>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

function read(path: string): Manifest {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as Manifest;
}

const { engines, exports } = read('package.json');
const { optionalDependencies: brought } = read('test/lowest-node/package.json');
const lowest = `${/^>=(\d+\.\d+)$/.exec(engines.node)?.[1] ?? '?'}.0`;
/** The registry has no such version for the others. */
const isBroughtHere = Object.hasOwn(brought, `node-${process.platform}-${process.arch}`);

let installed: InstalledPackage;
let nats: string;
let cluster: ChildProcess | undefined;

beforeAll(async () => {
  nats = await natsServerPath();
  installed = installPackage();
});
afterAll(() => {
  cluster?.kill('SIGKILL');
  installed.remove();
});

/** The versions of Node that wrote to this standard error, each once; and what else is in it. */
function heard(stderr: string): { readonly versions: readonly string[]; readonly rest: string } {
  const lines = stderr.split('\n');
  const versions = lines.flatMap((line) => /^runs on (\S+)$/.exec(line)?.[1] ?? []);
  return { versions: [...new Set(versions)], rest: lines.filter((line) => !line.startsWith('runs on ')).join('\n') };
}

function run(cwd: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(node, args, {
    cwd,
    env: { ...process.env, NODE_OPTIONS: witness },
    encoding: 'utf8',
  });
  expect([status, heard(stderr)], stderr).toEqual([0, { versions: [`v${lowest}`], rest: '' }]);
  return stdout;
}

it('is one claim, wherever it stands', () => {
  expect(new Set(Object.values(brought))).toEqual(new Set([lowest]));
  expect(read('infra/package.json').engines).toEqual(engines);
  expect(existsSync(node) || !isBroughtHere, 'remove test/lowest-node/node_modules and run `npm test` again').toBe(
    true,
  );
});

describe.skipIf(!isBroughtHere).each(['a checkout', 'the published package'])(`%s on Node ${lowest}`, (kind) => {
  const isCheckout = kind === 'a checkout';
  const cwd = (): string => (isCheckout ? root : installed.project);
  const troupe = (): string => (isCheckout ? join(root, 'scripts/troupe.mjs') : installed.troupe);

  it('imports all that is exported', () => {
    const entries = Object.keys(exports).map((path) => path.replace('.', 'troupe'));
    const load = (entry: string): string =>
      `import('${entry}'${entry.endsWith('.json') ? ", { with: { type: 'json' } }" : ''})`;
    const names = `[${entries.map((entry) => `Object.keys(await ${load(entry)})`).join(', ')}]`;
    const found = run(cwd(), '--input-type=module', '--eval', `console.log(JSON.stringify(${names}))`);
    expect((JSON.parse(found) as readonly string[][]).map((list) => list.length > 0)).toEqual(entries.map(() => true));
  });

  it('shows its help', () => {
    expect(run(cwd(), troupe(), '--help')).toMatch(/^Usage: troupe /);
  });

  it('runs a job in a cluster of one process to its end, and stops in order', async () => {
    const folder = join(installed.project, isCheckout ? 'from-checkout' : 'from-package');
    mkdirSync(join(folder, 'handlers'), { recursive: true });
    writeFileSync(
      join(folder, 'handlers', 'tells.job.ts'),
      `import { defineHandler } from 'troupe/handlers';
interface Input { readonly name: string }
export default defineHandler({
  name: 'tells', version: '1.0.0',
  run: ({ name }: Input) => ({ name, version: process.version }),
});
`,
    );
    const ports = ['--port', '0', '--http-port', '0', '--web-port', '0', '--set', 'nats.port=0', '--threads', '1'];
    cluster = spawn(node, [troupe(), 'dev', '--no-samples', '--handlers', 'handlers', ...ports], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: witness, TROUPE_NATS_SERVER: nats },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise((resolve) => cluster?.once('exit', (code, signal) => resolve(code ?? signal)));
    let text = '';
    for (const stream of [cluster.stdout, cluster.stderr]) stream?.on('data', (piece) => (text += String(piece)));
    const address = (): string => /^ {2}gRPC +(\S+)$/m.exec(text)?.[1] ?? '';
    await eventually(
      () => address() !== '' || cluster?.exitCode !== null,
      readyMs,
      () => text,
    );
    const submit = ['--address', address(), '--json', 'submit', 'tells', '{"name":"you"}', '--wait'];
    const job: unknown = JSON.parse(run(folder, troupe(), ...submit));
    expect(job).toMatchObject({ state: 'SUCCEEDED', output: { name: 'you', version: `v${lowest}` } });
    cluster.kill('SIGTERM');
    expect(await ended, text).toBe(0);
    expect(heard(text).versions).toEqual([`v${lowest}`]);
    expect(text).not.toContain('Warning');
  });
});
