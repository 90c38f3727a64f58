/** `troupe serve`: a process of a cluster from its configuration file, on a NATS that asks for a login and speaks TLS. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { connect } from '../../src/client/index.ts';
import { freePort } from '../support/cassandra-global.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { clusterHandlersDir } from '../support/cluster.ts';
import { eventually, natsServerPath } from '../support/nats.ts';

const mainFile = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const endMs = 90_000;

interface Served {
  readonly lines: {
    readonly event?: string;
    readonly gatewayPort?: number;
    readonly httpPort?: number;
    readonly variables?: readonly string[];
  }[];
  readonly text: () => string;
  readonly exited: Promise<number | null>;
  readonly child: ChildProcess;
}

let folder: string;
let broker: ChildProcess;
let natsPort: number;
let certificates: Certificates;
const started: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-serve-'));
  certificates = makeCertificates(folder);
  natsPort = await freePort();
  const { certPath, keyPath } = certificates;
  const conf = `listen: "127.0.0.1:${natsPort}"
jetstream { store_dir: ${JSON.stringify(join(folder, 'nats'))} }
authorization { user: troupe, password: "s3cret" }
tls { cert_file: ${JSON.stringify(certPath)}, key_file: ${JSON.stringify(keyPath)} }
`;
  writeFileSync(join(folder, 'nats.conf'), conf);
  writeFileSync(join(folder, 'password'), 's3cret\n');
  broker = spawn(await natsServerPath(), ['-c', join(folder, 'nats.conf')], { stdio: 'ignore' });
  await eventually(() => listens(natsPort));
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
afterAll(() => {
  broker.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTo({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function settings(nats: object): object {
  return {
    nodeId: 'n1',
    dataDir: join(folder, 'data'),
    nats: { servers: [`127.0.0.1:${natsPort}`], ...nats },
    gateway: { port: 0 },
    http: { port: 0 },
    workers: { threads: 1, handlerDirs: [clusterHandlersDir] },
  };
}

function serve(name: string, config: object, env: Readonly<Record<string, string>> = {}): Served {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, stringify(config));
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', mainFile, 'serve', '--config', path],
    {
      cwd: folder,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  started.push(child);
  const lines: Served['lines'] = [];
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      text += `${line}\n`;
      if (line.startsWith('{')) lines.push(JSON.parse(line) as Served['lines'][number]);
    });
  }
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { lines, text: () => text, exited, child };
}

describe('troupe serve', () => {
  it('joins with login and TLS, runs jobs, and ends with 0 after a SIGTERM', async () => {
    const login = { user: 'troupe', passwordPath: join(folder, 'password'), tls: { caPath: certificates.caPath } };
    const { lines, text, exited, child } = serve('good', settings(login));
    const ready = () => lines.find(({ event }) => event === 'process.started');
    await eventually(() => ready() !== undefined || child.exitCode !== null, endMs, text);
    const client = connect({ address: `127.0.0.1:${ready()?.gatewayPort ?? 0}` });
    const { jobId } = await client.submit('test.echo', { hello: 1 });
    expect(await client.wait(jobId)).toMatchObject({ state: 'SUCCEEDED' });
    client.close();
    child.kill('SIGTERM');
    expect(await exited, text()).toBe(0);
  });

  it('gives handlers the variables that are listed, and warns once of one that is not set', async () => {
    const handlers = join(folder, 'own');
    mkdirSync(handlers);
    const source = 'run: () => ({ ...process.env }) });';
    writeFileSync(
      join(handlers, 'env.job.ts'),
      `import { defineHandler } from 'troupe/handlers';\nexport default defineHandler({ name: 'reads-env', ${source}`,
    );
    const login = { user: 'troupe', passwordPath: join(folder, 'password'), tls: { caPath: certificates.caPath } };
    const { lines, text, child, exited } = serve(
      'env',
      {
        ...settings(login),
        nats: { servers: [`127.0.0.1:${natsPort}`], ...login, subjectRoot: 'env' },
        dataDir: join(folder, 'env-data'),
        workers: { threads: 1, handlerDirs: [handlers] },
        handlers: { env: ['API_URL', 'APP_*', 'NOT_THERE'] },
      },
      { API_URL: 'http://api', APP_MODE: 'x', APPLE: 'no', TROUPE_LOG_LEVEL: 'info' },
    );
    const ready = () => lines.find(({ event }) => event === 'process.started');
    await eventually(() => ready() !== undefined || child.exitCode !== null, endMs, text);
    const client = connect({ address: `127.0.0.1:${ready()?.gatewayPort ?? 0}` });
    const { jobId } = await client.submit('reads-env', {});
    expect(await client.wait(jobId)).toMatchObject({ output: { API_URL: 'http://api', APP_MODE: 'x' } });
    expect(Object.keys((await client.get(jobId)).output as object)).toHaveLength(2);
    client.close();
    const missing = lines.filter(({ event }) => event === 'handlers.env.missing');
    expect(missing).toMatchObject([{ variables: ['NOT_THERE'] }]);
    child.kill('SIGTERM');
    expect(await exited, text()).toBe(0);
  });

  it.each([
    [
      'no NATS',
      () => ({ ...settings({}), nats: {} }),
      2,
      /nats\.servers \(default\): must name the NATS servers to use/,
    ],
    [
      'a variable that handlers must not have',
      () => ({ ...settings({}), handlers: { env: ['API_URL', 'NODE_OPTIONS'] } }),
      2,
      /handlers\.env\.1 .*"NODE_OPTIONS" is not given to handlers: it changes Node/,
    ],
    [
      'half a login',
      () => settings({ user: 'troupe' }),
      2,
      /nats\.user .*must be set together with nats\.passwordPath/,
    ],
    [
      'a file that is not there',
      () => settings({ user: 'troupe', passwordPath: join(folder, 'nowhere') }),
      2,
      /nats\.passwordPath \(.*nowhere\): cannot be read/,
    ],
  ])('%s: one clear line and an exit code', async (name, config, code, message) => {
    const { exited, text } = serve(name.replaceAll(' ', '-'), config());
    expect(await exited).toBe(code);
    expect(text()).toMatch(message);
  });

  it('a wrong password: says that it is not let in', async () => {
    writeFileSync(join(folder, 'wrong'), 'wrong');
    const login = { user: 'troupe', passwordPath: join(folder, 'wrong'), tls: { caPath: certificates.caPath } };
    const { exited, text } = serve('wrong-password', settings(login));
    expect(await exited).toBe(70);
    expect(text()).toMatch(/does not let this process in: .*Authorization Violation/i);
  });
});
