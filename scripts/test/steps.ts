/**
 * The steps of `npm test`, in the order in which they preferably start. `busy` and `seconds` only decide what runs
 * concurrently. The summary of a run on two idle cores prints their present values.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Step } from './plan.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));
/** infra/ has its own packages. */
const infra = join(root, 'infra');
const bin = (name: string, folder = root): string => join(folder, 'node_modules/.bin', name);
const node = process.execPath;

export interface TestStep extends Step {
  /** A check passes or fails as a whole. The tests of a suite count. A preparation does not count. */
  readonly kind: 'preparation' | 'check' | 'suite';
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Needs Cassandra: any, or one that runs as a process of this machine. `--quick` leaves these steps out. */
  readonly cassandra?: 'any' | 'process';
}

type Load = Pick<Step, 'busy' | 'seconds'>;
type Figures = Load & Pick<Step, 'pace' | 'spare' | 'holds' | 'after'> & Pick<TestStep, 'cassandra'>;

const nats = 'fetch nats-server';
const cassandra = 'fetch Cassandra';
const timed = { pace: 'timed', after: [nats] } as const;
/** Suites about leases and outages, in real time. Two such suites would disturb each other. */
const shortDeadlines = 'short deadlines';

/**
 * Downloads a server once, beside steps that need none. Otherwise every suite that finds the cache empty would download
 * it.
 */
function preparation(name: string, service: 'nats' | 'cassandra', scratch: string): TestStep {
  const args = ['src/cli/main.ts', 'backing', service, '--data-dir', join(scratch, 'backing')];
  return { name, kind: 'preparation', command: node, args, cwd: root, pace: 'timed', busy: 0.3, seconds: 2 };
}

function check(name: string, command: string, args: readonly string[], load: Load): TestStep {
  return { name, kind: 'check', command, args, cwd: root, pace: 'patient', ...load };
}

function suite(name: string, figures: Figures): TestStep {
  return { name, kind: 'suite', command: bin('vitest'), args: ['run', '--project', name], cwd: root, ...figures };
}

/** A suite of infra/. Each has its own configuration of vitest. */
function infraSuite(name: string, config: string, figures: Figures): TestStep {
  const args = ['run', '--config', config];
  return { name, kind: 'suite', command: bin('vitest', infra), args, cwd: infra, ...figures };
}

/** Checks of generated pages: every npm script `docs:<page>` generates a page, and with `--check` compares it. */
function generatedDocs(): readonly TestStep[] {
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  const { scripts } = JSON.parse(text) as { readonly scripts: Readonly<Record<string, string>> };
  return Object.entries(scripts)
    .filter(([name]) => name.startsWith('docs:'))
    .map(([name, line]) => check(name, node, [...line.split(' ').slice(1), '--check'], { busy: 1, seconds: 1 }));
}

export function testSteps(scratch: string): readonly TestStep[] {
  const layers = ['src', 'console', 'test', 'bench', 'examples', 'infra/src', 'infra/environments', 'infra/test'];
  return [
    preparation(nats, 'nats', scratch),
    { ...preparation(cassandra, 'cassandra', scratch), cassandra: 'process' },
    // Without its cache, because findings in a file depend on the types of the files that it imports.
    // With room for young objects: a fifth of its CPU went into copying them, since the trees of files soon die.
    check(
      'lint',
      node,
      ['--max-semi-space-size=128', 'node_modules/eslint/bin/eslint.js', '--max-warnings', '0', '.'],
      { busy: 1.2, seconds: 67 },
    ),
    // The compiler in Go, with the findings of the one in JavaScript. eslint still needs that one, hence both.
    check('types', node, ['node_modules/typescript-native/bin/tsc', '-p', '.'], { busy: 1.2, seconds: 12 }),
    check('console types', node, ['node_modules/typescript-native/bin/tsc', '-p', 'console'], {
      busy: 1.2,
      seconds: 1,
    }),
    check('format', bin('prettier'), ['--check', '--log-level', 'warn', '.'], { busy: 1.2, seconds: 12 }),
    check('infra types', bin('tsc', infra), ['-p', 'infra'], { busy: 1.2, seconds: 6 }),
    check('boundaries', bin('depcruise'), layers, { busy: 1, seconds: 6 }),
    check('unused', bin('knip'), [], { busy: 1, seconds: 5 }),
    check('proto', bin('buf'), ['lint'], { busy: 1, seconds: 1 }),
    check('proto compatibility', bin('buf'), ['breaking', '--against', 'buf.baseline.binpb'], { busy: 1, seconds: 1 }),
    ...generatedDocs(),
    suite('chaos', { ...timed, busy: 1.3, seconds: 340, spare: 0.5, holds: shortDeadlines }),
    suite('e2e', { ...timed, busy: 0.5, seconds: 348, spare: 0.3, holds: shortDeadlines }),
    suite('console', { ...timed, busy: 0.9, seconds: 60 }),
    suite('contract-cassandra', { ...timed, busy: 1, seconds: 340, after: [nats, cassandra], cassandra: 'any' }),
    infraSuite('infra-deploy', 'vitest.deploy.config.ts', {
      ...timed,
      busy: 0.5,
      seconds: 202,
      after: [nats, cassandra],
      cassandra: 'process',
    }),
    suite('integration', { ...timed, busy: 0.9, seconds: 400 }),
    suite('smoke', { ...timed, busy: 0.9, seconds: 25 }),
    suite('contract', { ...timed, busy: 0.8, seconds: 18 }),
    suite('simulation', { pace: 'patient', busy: 1.9, seconds: 87 }),
    suite('unit', { pace: 'patient', busy: 1.7, seconds: 60 }),
    suite('architecture', { pace: 'patient', busy: 1.3, seconds: 10 }),
    infraSuite('infra', 'vitest.config.ts', { pace: 'patient', busy: 1.3, seconds: 30 }),
  ];
}
