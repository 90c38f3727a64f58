/** Starting and stopping processes of this machine, with small real ones: what goes wrong is said, and nothing is left. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generationOf } from '../src/local/generation.ts';
import { readRecord, removeRecord } from '../src/local/process-record.ts';
import type { ProcessSpec } from '../src/local/process-spec.ts';
import { findMarked, isAlive } from '../src/local/process-table.ts';
import { logFileOf, startProcess } from '../src/local/start-process.ts';
import { stopProcess } from '../src/local/stop-process.ts';
import { sweep } from '../src/local/sweep.ts';

/** A process that behaves as its configuration says: `serve --config FILE`. */
const program = `
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
const { port, how } = JSON.parse(readFileSync(process.argv[4], 'utf8'));
console.log('behaves:', how, Object.keys(process.env).filter((name) => name.startsWith('TROUPE_')));
if (how === 'fail') { console.error('cannot open the store'); process.exit(70); }
if (how === 'deaf') process.on('SIGTERM', () => console.log('not now'));
createServer((_, response) => response.writeHead(how === 'unready' ? 503 : 200).end('ok')).listen(port, '127.0.0.1');
`;

let dataDir: string;
let said: string[];
const say = (line: string): void => void said.push(line);

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'troupe-process-'));
  said = [];
  writeFileSync(join(dataDir, 'program.mjs'), program);
});
afterEach(() => {
  for (const { pid } of findMarked([dataDir])) process.kill(pid, 'SIGKILL');
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

function listen(): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function freePort(): Promise<number> {
  const server = await listen();
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function specOf(how: 'serve' | 'fail' | 'deaf' | 'unready', changes: Partial<ProcessSpec> = {}) {
  const port = await freePort();
  const path = `${dataDir}/config/it.json`;
  const spec: ProcessSpec = {
    name: 'it',
    dataDir,
    command: { kind: 'run', argv: [process.execPath, join(dataDir, 'program.mjs'), 'serve', '--config', path] },
    file: { path, content: JSON.stringify({ port, how }) },
    mark: `serve --config ${path}`,
    ports: [{ key: 'ports.http', port }],
    readiness: { kind: 'http', port },
    readySeconds: 30,
    stopSeconds: 20,
    version: '1.0.0',
    ...changes,
  };
  return spec;
}

const start = (spec: ProcessSpec, generation = 'g1', signal = new AbortController().signal) =>
  startProcess({ spec, generation }, { say, signal, environment: { ...process.env, TROUPE_SECRET: 'x' } });

describe('a process of this machine', () => {
  it('is started, found alive by its pid file, and stopped', async () => {
    const spec = await specOf('serve');
    await start(spec);
    const pid = readRecord(dataDir, 'it')?.pid ?? 0;
    expect(isAlive(pid, spec.mark)).toBe(true);
    expect(generationOf(spec)).toBe('g1');
    // What is set for whoever deploys is not set for it.
    expect(readFileSync(logFileOf(spec), 'utf8')).toContain('behaves: serve []');
    // The same id with another command line is another process.
    expect(isAlive(process.pid, spec.mark)).toBe(false);
    await stopProcess(spec, say);
    expect(findMarked([spec.mark])).toEqual([]);
    expect(readRecord(dataDir, 'it')).toBeUndefined();
    expect(said).toEqual([expect.stringMatching(/^it: ready after/), expect.stringMatching(/^it: stopped/)]);
  });

  it('has a new generation once it is dead', async () => {
    const spec = await specOf('serve');
    await start(spec);
    process.kill(readRecord(dataDir, 'it')?.pid ?? 0, 'SIGKILL');
    await expect.poll(() => findMarked([spec.mark])).toEqual([]);
    expect(generationOf(spec)).not.toBe('g1');
    await stopProcess(spec, say);
    expect(said.at(-1)).toBe('it: does not run');
  });

  it('whose pid file was never written is found, and stopped before the next starts', async () => {
    const spec = await specOf('serve');
    await start(spec);
    const [{ pid } = { pid: 0 }] = findMarked([spec.mark]);
    removeRecord(dataDir, 'it');
    await start(spec, 'g2');
    expect(said.slice(1, 3)).toEqual([
      expect.stringContaining(`process ${pid} was left behind`),
      expect.stringContaining(`stopped (process ${pid},`),
    ]);
    expect(findMarked([spec.mark]).map((found) => found.pid)).toEqual([readRecord(dataDir, 'it')?.pid]);
  });

  it('that terraform never heard of goes with the environment', async () => {
    const spec = await specOf('serve');
    await start(spec);
    removeRecord(dataDir, 'it');
    await sweep(dataDir, say);
    expect(findMarked([dataDir])).toEqual([]);
  });

  it('that does not drain in its time is killed, which is said', async () => {
    const spec = await specOf('deaf', { stopSeconds: 1 });
    await start(spec);
    await stopProcess(spec, say);
    expect(said.at(-1)).toMatch(/did not end within 1 s of SIGTERM; it is killed/);
    expect(findMarked([spec.mark])).toEqual([]);
  });
});

describe('a process that does not start', () => {
  it.each([
    ['ends', 'fail', {}, /it: ended with exit code 70; the end of .*cannot open the store/s],
    ['is never ready', 'unready', { readySeconds: 1 }, /it: not ready within 1 s; the end of .*behaves: unready/s],
    ['is no program', 'serve', { command: { kind: 'run', argv: ['/nowhere/x'] } }, /it: does not start: .*ENOENT/],
    ['cannot be prepared', 'serve', { command: { kind: 'prepare', argv: ['false'] } }, /it: cannot be prepared/],
  ] as const)('because it %s: the reason, and nothing is left', async (_, how, changes, message) => {
    const spec = await specOf(how, changes as Partial<ProcessSpec>);
    await expect(start(spec)).rejects.toThrow(message);
    expect(findMarked([dataDir])).toEqual([]);
    expect(readRecord(dataDir, 'it')).toBeUndefined();
  });

  it('because its port is taken: the port and its key', async () => {
    const other = await listen();
    const spec = await specOf('serve', { ports: [{ key: 'ports.gateway', port: portOf(other) }] });
    const message = `it: port ${portOf(other)} (ports.gateway of the environment) is taken by another program`;
    await expect(start(spec)).rejects.toThrow(message);
    expect(existsSync(logFileOf(spec))).toBe(false);
    await new Promise((resolve) => other.close(resolve));
  });

  it('because the deploy is interrupted: it does not stay', async () => {
    const stop = new AbortController();
    const started = start(await specOf('unready'), 'g1', stop.signal);
    setTimeout(() => stop.abort(), 100);
    await expect(started).rejects.toThrow('the deploy was interrupted');
    expect(findMarked([dataDir])).toEqual([]);
  });
});

describe('a command that ends', () => {
  it('is done when it has, and stays done', async () => {
    const spec = await specOf('serve', {
      command: { kind: 'run', argv: ['true'] },
      ports: [],
      readiness: { kind: 'exit' },
    });
    await start(spec);
    expect(readRecord(dataDir, 'it')).toMatchObject({ generation: 'g1' });
    expect(generationOf(spec)).toBe('g1');
  });
});

it('whoever starts a process is not what it lives by', async () => {
  const spec = await specOf('serve');
  const main = join(import.meta.dirname, '../src/local/main.ts');
  const env = { ...process.env, LOCAL_PROCESS: JSON.stringify({ spec, generation: 'g1' }) };
  const run = (verb: string): Promise<number | null> => {
    const child: ChildProcess = spawn(process.execPath, [main, verb], { env, stdio: 'ignore' });
    return new Promise((resolve) => child.once('exit', resolve));
  };
  expect(await run('start')).toBe(0);
  expect(findMarked([spec.mark])).toHaveLength(1);
  expect(await run('stop')).toBe(0);
  expect(findMarked([spec.mark])).toEqual([]);
  expect(await run('nonsense')).toBe(1);
});
