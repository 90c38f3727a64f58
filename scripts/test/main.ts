// `npm test`: runs every check and every suite once. `--quick` leaves out what needs Java or Maven. `--plan` prints
// what would run when, and runs nothing. plan.ts decides what runs concurrently. The output of a step is printed as a
// whole when it ends. The last line is `N passed, N failed`, where a check counts as one test. The exit code is 1 on
// any failure and 130 after a signal.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { nextStep, planOf } from './plan.ts';
import { startStep, type StepProcess } from './step-process.ts';
import { root, testSteps, type TestStep } from './steps.ts';
import { summaryOf, type StepResult } from './summary.ts';
import { failureMaxLength, readReport } from './vitest-report.ts';

const isQuick = process.argv.includes('--quick');
const beganAt = Date.now();
/** At most three: two that wait and one that computes. The limit bounds memory, too, since each may have a cluster. */
const bound = { cores: availableParallelism(), sideBySide: 3 };
const scratch = mkdtempSync(join(tmpdir(), 'troupe-test-'));
/**
 * Suites start some thousand processes and threads. Code that one of them compiled, the others take from here, for half
 * the CPU. It does not outlive the tests, because handlers in temporary folders would add to it each time. A Cassandra
 * of a test lives for a minute or two, so Java's optimizing compiler costs more than it saves.
 */
const cheapStarts = {
  NODE_COMPILE_CACHE: join(scratch, 'compiled'),
  JAVA_TOOL_OPTIONS: `${process.env['JAVA_TOOL_OPTIONS'] ?? ''} -XX:TieredStopAtLevel=1`.trim(),
};
const results: StepResult[] = [];

const processes = new Set<StepProcess>();
let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const step of processes) step.stop(signal);
    process.exitCode = 130;
    isStopped = true;
  });
}

function works(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

/** What is missing to run Cassandra. Undefined if nothing is. */
function missingForCassandra(isProcess: boolean): string | undefined {
  if (process.env['TROUPE_CASSANDRA'] && !isProcess) return undefined;
  const missing = [!works('java', ['-version']) && 'Java 17', !works('mvn', ['-v']) && 'Maven'].filter(Boolean);
  if (missing.length === 0 || (!isProcess && works('docker', ['info']))) return undefined;
  return (
    `${missing.join(' and ')} missing: install them (Debian: apt install openjdk-17-jre-headless maven), ` +
    (isProcess ? 'a container will not do here' : 'or start Docker, or set TROUPE_CASSANDRA=host:port')
  );
}

function report(step: TestStep, text: string, result: Omit<StepResult, 'name'>): void {
  const verdict = result.failed > 0 ? 'FAILED' : (result.note ?? 'ok');
  console.log(`\n── ${step.name}\n${text}${verdict} ${step.name}`);
  results.push({ name: step.name, ...result });
}

/**
 * A suite without tests, or one that fails without a failed test (a crash, an error outside a test), counts as one
 * failure.
 */
function judge(
  step: TestStep,
  status: number,
  output: string,
  file: string,
): Omit<StepResult, 'name' | 'wallMs' | 'cpuMs'> {
  if (step.kind === 'preparation') {
    const nothing = { passed: 0, failed: 0, skipped: 0, failures: [] };
    return status === 0 ? nothing : { ...nothing, note: 'could not' };
  }
  if (step.kind === 'check') {
    const isGood = status === 0;
    const failures = isGood ? [] : [output.slice(-failureMaxLength)];
    return { passed: isGood ? 1 : 0, failed: isGood ? 0 : 1, skipped: 0, failures };
  }
  const { counts, failures } = readReport(file, root);
  const isBroken = counts.failed === 0 && (status !== 0 || counts.passed === 0);
  return isBroken
    ? { ...counts, failed: 1, failures, note: 'the suite itself failed, or ran no test' }
    : { ...counts, failures };
}

async function runStep(step: TestStep, beside: readonly string[]): Promise<void> {
  const startedAt = Date.now();
  const lack = step.cassandra === undefined ? undefined : missingForCassandra(step.cassandra === 'process');
  if (lack !== undefined) {
    const failed = step.kind === 'suite' ? 1 : 0;
    report(step, `${lack}\n`, { passed: 0, failed, skipped: 0, wallMs: 0, cpuMs: 0, note: lack, failures: [] });
    return;
  }
  console.log(`▶ ${step.name}${beside.length > 0 ? ` (beside ${beside.join(', ')})` : ''}`);
  const file = join(scratch, `${step.name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const running = startStep({
    command: step.command,
    args: step.kind === 'suite' ? [...step.args, ...reporters] : step.args,
    cwd: step.cwd,
    env: cheapStarts,
    isPatient: step.pace === 'patient',
  });
  processes.add(running);
  const { status, output, cpuMs } = await running.ended;
  processes.delete(running);
  // The output of a preparation matters only if it failed.
  const text = step.kind === 'preparation' && status === 0 ? '' : output;
  report(step, text, { ...judge(step, status, output, file), wallMs: Date.now() - startedAt, cpuMs });
}

async function runSteps(steps: readonly TestStep[]): Promise<void> {
  const waiting = [...steps];
  const running = new Map<TestStep, Promise<void>>();
  while (!isStopped || running.size > 0) {
    for (let step = start(); step; step = start());
    if (running.size === 0) return;
    await Promise.race(running.values());
  }

  function start(): TestStep | undefined {
    const step = isStopped ? undefined : nextStep(waiting, [...running.keys()], bound);
    if (step === undefined) return undefined;
    waiting.splice(waiting.indexOf(step), 1);
    const beside = [...running.keys()].map(({ name }) => name);
    running.set(
      step,
      runStep(step, beside).finally(() => running.delete(step)),
    );
    return step;
  }
}

const all = testSteps(scratch);
const steps = all.filter(({ cassandra }) => !isQuick || cassandra === undefined);
if (process.argv.includes('--plan')) {
  for (const { name, fromS, untilS } of planOf(steps, bound)) {
    console.log(`${name.padEnd(20)} ${fromS.toFixed(0).padStart(5)} s to ${untilS.toFixed(0).padStart(5)} s`);
  }
} else {
  spawnSync(process.execPath, ['scripts/bootstrap.mjs', 'infra', 'test/lowest-node'], { cwd: root, stdio: 'inherit' });
  await runSteps(steps);
  const leftOut = all.filter((step) => !steps.includes(step)).map(({ name }) => name);
  for (const line of summaryOf({ results, wallMs: Date.now() - beganAt, cores: bound.cores, leftOut }))
    console.log(line);
  process.exitCode ??= results.some(({ failed }) => failed > 0) ? 1 : 0;
}
// A process that is just ending may still write what it compiled.
rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
