// `npm test`: every check and every suite, in one run, each once. `--quick` leaves out what needs Java or Maven.
// The last line is `N passed, N failed`: tests plus checks, a check counting as one. Exit code 1 on any failure.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => join(root, 'node_modules', '.bin', name);
/** infra/ has packages of its own. */
const infra = join(root, 'infra');
const infraBin = (name) => join(infra, 'node_modules', '.bin', name);
const isQuick = process.argv.includes('--quick');
const beganAt = Date.now();
const scratch = mkdtempSync(join(tmpdir(), 'troupe-test-'));

/** @type {{ name: string, passed: number, failed: number, skipped: number, ms: number, note?: string, failures?: string[] }[]} */
const results = [];

/** What a failed test says is printed once more at the end, where whoever has only the end of a log still finds it. */
const maxFailureLength = 2_000;

const checks = [
  // First, since it takes longest. Without its cache: a file's findings depend on the types of the files that it imports.
  ['lint', bin('eslint'), ['--max-warnings', '0', '.']],
  ['format', bin('prettier'), ['--check', '--log-level', 'warn', '.']],
  ['types', bin('tsc'), ['-p', '.']],
  ['infra types', infraBin('tsc'), ['-p', 'infra']],
  [
    'boundaries',
    bin('depcruise'),
    ['src', 'test', 'bench', 'examples', 'infra/src', 'infra/environments', 'infra/test'],
  ],
  ['unused', bin('knip'), []],
  ['proto', bin('buf'), ['lint']],
  ['proto compatibility', bin('buf'), ['breaking', '--against', 'buf.baseline.binpb']],
  ...generatedDocs(),
];

const suites = [
  'unit',
  'architecture',
  'simulation',
  'contract-sqlite',
  'contract-cassandra',
  'integration',
  'chaos',
  'e2e',
];

/** Suites of infra/, each with its own configuration of vitest: what is declared, and what a deploy really does. */
const infraSuites = [
  ['infra', 'vitest.config.ts'],
  ['infra-deploy', 'vitest.deploy.config.ts'],
];
/** What needs a Cassandra; `cdktf deploy local` one that is a process of this machine. */
const leftOutByQuick = ['contract-cassandra', 'infra-deploy'];

/** Every npm script `docs:<page>` generates a page, and with `--check` says whether it is in step. */
function generatedDocs() {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.entries(scripts)
    .filter(([name]) => name.startsWith('docs:'))
    .map(([name, line]) => [name, process.execPath, [...line.split(' ').slice(1), '--check']]);
}

/** The steps under way: a signal to this process is their signal, too, so that it stops what it started. */
const steps = new Set();
let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const step of steps) step.kill(signal);
    process.exitCode = 130;
    isStopped = true;
  });
}

/** Resolves with the exit code, and what was printed unless that goes straight to the terminal. */
function run(command, args, { stdio = 'inherit', cwd = root } = {}) {
  return new Promise((resolve) => {
    const step = spawn(command, args, { cwd, stdio });
    steps.add(step);
    let text = '';
    for (const stream of [step.stdout, step.stderr]) stream?.on('data', (piece) => (text += piece));
    const end = (status) => {
      steps.delete(step);
      resolve({ status, text });
    };
    step.on('error', (error) => {
      text += `${error.message}\n`;
      if (stdio === 'inherit') console.error(error.message);
      end(1);
    });
    step.on('close', (code) => end(code ?? 1));
  });
}

function works(command, args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

function record(name, startedAt, counts, note) {
  results.push({ name, skipped: 0, ...counts, ms: Date.now() - startedAt, note });
}

async function runCheck([name, command, args]) {
  const startedAt = Date.now();
  const { status, text } = await run(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const passed = status === 0;
  console.log(`\n── ${name}\n${text}${passed ? `ok ${name}` : `FAILED ${name}`}`);
  const failures = passed ? [] : [text.slice(-maxFailureLength)];
  record(name, startedAt, { passed: passed ? 1 : 0, failed: passed ? 0 : 1, failures });
}

/** Two at a time: a laptop has few cores, and none of them uses more than one. */
async function runChecks() {
  const waiting = [...checks];
  const lane = async () => {
    for (let check = waiting.shift(); check !== undefined && !isStopped; check = waiting.shift()) await runCheck(check);
  };
  await Promise.all([lane(), lane()]);
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The failed tests of a report, each with its file, name and what it said; a file that broke outside its tests, too. */
function failuresOf(report) {
  return (report?.testResults ?? []).flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    const file = relative(root, name);
    if (failed.length === 0) return status === 'failed' ? [`${file}\n${message.slice(0, maxFailureLength)}`] : [];
    return failed.map(
      (test) => `${file} > ${test.fullName}\n${test.failureMessages.join('\n').slice(0, maxFailureLength)}`,
    );
  });
}

/** A suite that is empty, or fails without a failed test (a crash, an error outside a test), counts as one failure. */
async function runSuite(name, { vitest, choice, cwd } = { vitest: bin('vitest'), choice: ['--project', name] }) {
  const startedAt = Date.now();
  console.log(`\n── ${name}`);
  const file = join(scratch, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const { status } = await run(vitest, ['run', ...choice, ...reporters], { cwd });
  const report = readReport(file);
  const counts = {
    passed: report?.numPassedTests ?? 0,
    failed: report?.numFailedTests ?? 0,
    skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0),
  };
  const isBroken = counts.failed === 0 && (status !== 0 || counts.passed === 0);
  if (isBroken) counts.failed = 1;
  const note = isBroken ? 'the suite itself failed, or ran no test' : undefined;
  record(name, startedAt, { ...counts, failures: failuresOf(report) }, note);
}

/** What is missing for a Cassandra of our own, or undefined when there is one to be had. */
function missingForCassandra(isProcess) {
  if (process.env.TROUPE_CASSANDRA && !isProcess) return undefined;
  const missing = [!works('java', ['-version']) && 'Java 17', !works('mvn', ['-v']) && 'Maven'].filter(Boolean);
  if (missing.length === 0 || (!isProcess && works('docker', ['info']))) return undefined;
  return (
    `${missing.join(' and ')} missing: install them (Debian: apt install openjdk-17-jre-headless maven), ` +
    (isProcess ? 'a container will not do here' : 'or start Docker, or set TROUPE_CASSANDRA=host:port')
  );
}

async function runCassandraSuite(name, how) {
  const lack = missingForCassandra(name === 'infra-deploy');
  if (lack === undefined) {
    await runSuite(name, how);
    return;
  }
  console.log(`\n── ${name}\nFAILED ${name}: ${lack}`);
  record(name, Date.now(), { passed: 0, failed: 1 }, lack);
}

function printSummary() {
  for (const { name, failures = [] } of results) {
    for (const failure of failures) console.log(`\n── FAILED in ${name}: ${failure}`);
  }
  console.log('\n── summary');
  for (const { name, passed, failed, skipped, ms, note } of results) {
    const counts = [`${passed} passed`, failed > 0 && `${failed} FAILED`, skipped > 0 && `${skipped} skipped`];
    const line = `${name.padEnd(20)} ${(ms / 1000).toFixed(1).padStart(6)} s  ${counts.filter(Boolean).join(', ')}`;
    console.log(note === undefined ? line : `${line} (${note})`);
  }
  if (isQuick)
    console.log(`left out: ${leftOutByQuick.join(', ')} (test:quick runs nothing that needs Java and Maven)`);
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  console.log(`${((Date.now() - beganAt) / 1000).toFixed(0)} s in all`);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  return sum('failed') === 0;
}

await run(process.execPath, ['scripts/bootstrap.mjs', 'infra']);
await runChecks();
const runs = [
  ...suites.map((name) => [name]),
  ...infraSuites.map(([name, file]) => [name, { vitest: infraBin('vitest'), choice: ['--config', file], cwd: infra }]),
];
for (const [name, how] of runs) {
  if (isStopped || (isQuick && leftOutByQuick.includes(name))) continue;
  await (leftOutByQuick.includes(name) ? runCassandraSuite(name, how) : runSuite(name, how));
}
rmSync(scratch, { recursive: true, force: true });
const isGood = printSummary();
process.exitCode ??= isGood ? 0 : 1;
