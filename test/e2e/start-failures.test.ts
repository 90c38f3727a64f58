/**
 * A start that fails, at whichever step, with all that was opened by then; one that is stopped before it is over; and an
 * error that nobody catches. Each process says why in one line, and ends within `endMaxMs` with the code that tells
 * whether to start it again (docs/reference/exit-codes.md).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startSteps } from '../../src/compose/start-steps.ts';
import { clusterHandlersDir, waitFor } from '../support/cluster.ts';
import { natsServerPath, startTestNats, type TestNats } from '../support/nats.ts';

const faultMain = fileURLToPath(new URL('../support/start-fault-main.ts', import.meta.url));
const startMaxMs = 90_000;
/** From the failure to the end of the process: 5 s, and what a busy machine adds. */
const endMaxMs = 15_000;
/** Four processes at once: they mostly wait for each other's disk. */
const atOnce = 4;

let folder: string;
let broker: TestNats;
let serverPath: string;
let number = 0;
const started: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-start-'));
  broker = await startTestNats();
  serverPath = await natsServerPath();
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

interface Ended {
  readonly code: number | null;
  /** Of the log, those about the end. */
  readonly said: readonly {
    readonly event?: string;
    readonly exitCode?: number;
    readonly err?: { readonly message: string };
  }[];
  readonly err: string;
}

interface Life {
  readonly child: ChildProcess;
  readonly err: () => string;
  readonly ended: Promise<Ended>;
}

function start(command: 'dev' | 'serve', fault: string, step: string, more: readonly string[] = []): Life {
  number += 1;
  const dataDir = join(folder, String(number));
  mkdirSync(dataDir);
  const settings = [
    ...[
      `dataDir=${dataDir}`,
      'gateway.port=0',
      'http.port=0',
      'gateway.web.port=0',
      'scaler.enabled=true',
      'scaler.port=0',
      'nats.port=0',
    ],
    ...[
      `workers.handlerDirs=${clusterHandlersDir}`,
      'workers.threads=1',
      'shards.count=1',
      `nats.serverPath=${serverPath}`,
    ],
    ...(command === 'serve' ? [`nats.servers=${broker.url}`, `nats.subjectRoot=start${number}`] : []),
  ];
  const args = ['--disable-warning=ExperimentalWarning', faultMain, command, fault, step, ...settings, ...more];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  const said: Ended['said'][number][] = [];
  let err = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    const entry = JSON.parse(line) as Ended['said'][number];
    if (['process.failed', 'process.died'].includes(entry.event ?? '')) said.push(entry);
  });
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, said, err }));
  return { child, err: () => err, ended };
}

/** Of a process that has failed by now. */
function endOf({ ended, err }: Life): Promise<Ended> {
  let end: Ended | undefined;
  void ended.then((result) => (end = result));
  return waitFor('the process ends', () => end, endMaxMs, err);
}

async function endAt(step: string, life: Life): Promise<Ended> {
  await waitFor(`${step} begins`, () => life.err().includes(`at ${step}\n`), startMaxMs, life.err);
  return endOf(life);
}

async function inFours<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  for (let first = 0; first < items.length; first += atOnce) {
    await Promise.all(items.slice(first, first + atOnce).map(run));
  }
}

describe.each(['dev', 'serve'] as const)('the start of `troupe %s`', { timeout: 240_000 }, (command) => {
  it('ends when a step fails, whichever it is', async () => {
    await inFours(startSteps, async (step) => {
      const { code, said, err } = await endAt(step, start(command, 'fail', step));
      expect({ step, code, said }).toMatchObject({
        step,
        code: 70,
        said: [{ event: 'process.failed', exitCode: 70, err: { message: 'injected' } }],
      });
      expect(err).toContain('troupe: injected\n');
    });
  });

  it('ends when it is stopped on its way, whichever the step', async () => {
    // The steps are those of `serve`; what `dev` has beside them is a server of its own.
    const steps = command === 'serve' ? startSteps : (['store', 'workers', 'probes'] as const);
    await inFours(steps, async (step) => {
      const { code, said } = await endAt(step, start(command, 'terminate', step));
      expect({ step, code, said }).toEqual({ step, code: 0, said: [] });
    });
  });

  it.each(['uncaught', 'unhandled'])('ends with 70 and its reason for an error that is %s', async (fault) => {
    const { code, said } = await endAt('probes', start(command, fault, 'probes'));
    expect(code).toBe(70);
    expect(said).toMatchObject([{ event: 'process.died', exitCode: 70, err: { message: 'injected' } }]);
  });

  it('ends with 2 when what it was told must be changed first', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const taken = createServer();
    const port = await listen(taken);
    const wrong: readonly [said: RegExp, setting: string][] = [
      [/handler folder \/nope cannot be read/, 'workers.handlerDirs=/nope'],
      [/a-file is not a folder; name a folder with handlers/, `workers.handlerDirs=${file}`],
      [/port \d+ on 127.0.0.1 is taken/, `gateway.port=${port}`],
      [/port \d+ on 127.0.0.1 is taken/, `http.port=${port}`],
    ];
    await inFours(wrong, async ([text, setting]) => {
      const life = start(command, 'none', 'none', [setting]);
      await waitFor('it says so', () => text.test(life.err()), startMaxMs, life.err);
      const { code, said } = await endOf(life);
      expect({ setting, code, said }).toMatchObject({ setting, code: 2, said: [{ exitCode: 2 }] });
    });
    taken.close();
  });
});

describe('a start that waits for something that does not answer', () => {
  it('ends at the first SIGTERM', async () => {
    const mute = createServer();
    const port = await listen(mute);
    const life = start('serve', 'none', 'bus', [`nats.servers=127.0.0.1:${port}`]);
    await waitFor('the bus is waited for', () => life.err().includes('at bus\n'), startMaxMs, life.err);
    life.child.kill('SIGTERM');
    expect(await endOf(life)).toMatchObject({ code: 0, said: [] });
    mute.close();
  });

  it('ends with 70 when there is no nats-server to start', async () => {
    const life = start('dev', 'none', 'none', ['nats.serverPath=/bin/false']);
    await waitFor('it says so', () => life.err().includes('is not a nats-server'), startMaxMs, life.err);
    expect(await endOf(life)).toMatchObject({ code: 70, said: [{ event: 'process.failed', exitCode: 70 }] });
  });
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
