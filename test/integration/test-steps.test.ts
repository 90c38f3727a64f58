// A step of `npm test` as a process group: its output and CPU time, its priority, and an end of all of it on a signal.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startStep, type StepProcess } from '../../scripts/test/step-process.ts';
import { eventually } from '../support/nats.ts';

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'troupe-steps-'));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

function node(script: string, isPatient = false): StepProcess {
  return startStep({ command: process.execPath, args: ['--eval', script], cwd, isPatient });
}

/** In a process below the process of the step: a suite of vitest has its tests in such. */
function below(script: string): string {
  return `process.exitCode = require('node:child_process')
    .spawnSync(process.execPath, ['--eval', ${JSON.stringify(script)}], { stdio: 'inherit' }).status;`;
}

it('has its output, both streams, and its exit code', async () => {
  const { status, output } = await node("console.log('out'); console.error('err'); process.exitCode = 3;").ended;
  expect(status).toBe(3);
  expect(output.split('\n').sort()).toEqual(['', 'err', 'out']);
});

it('is as failed as a command that is not there', async () => {
  const { status, output } = await startStep({ command: join(cwd, 'nothing'), args: [], cwd }).ended;
  expect(status).toBe(127);
  expect(output).toContain('nothing');
});

it('has the CPU time of all its processes', async () => {
  const busy = 'const end = process.cpuUsage().user + 300_000; while (process.cpuUsage().user < end);';
  expect((await node(below(busy)).ended).cpuMs).toBeGreaterThan(300);
});

it('keeps the end of an output without end', async () => {
  const flood = "for (let n = 0; n < 20; n += 1) console.log('x'.repeat(1 << 20)); console.log('the end');";
  const { output } = await node(flood).ended;
  expect(output.length).toBeLessThan(9 << 20);
  expect(output).toMatch(/^\(its beginning is cut\)[^]*the end\n$/);
});

it('yields when it is patient', async () => {
  const tell = "console.log(require('node:os').getPriority())";
  const [timed, patient] = [await node(tell).ended, await node(tell, true).ended];
  expect(Number(patient.output)).toBe(Math.min(19, Number(timed.output) + 10));
});

const alive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(statusOf(pid));

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return 'State: Z';
  }
}

it.runIf(process.platform === 'linux').each(['SIGINT', 'SIGTERM'] as const)('ends as a whole on %s', async (signal) => {
  const pidFile = join(cwd, signal);
  // What is below does not care for signals: it must be killed.
  const deaf = `process.on('SIGINT', () => {}); process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);
    require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid));`;
  const step = node(`require('node:child_process').spawn(process.execPath, ['--eval', ${JSON.stringify(deaf)}]);`);
  await eventually(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
  const pid = Number(readFileSync(pidFile, 'utf8'));
  expect(alive(pid)).toBe(true);
  step.stop(signal);
  expect((await step.ended).status).not.toBe(0);
  await eventually(() => !alive(pid));
});
