// The layer rules hold in the real tree, and each of them bites: its fixture is refused, and for nothing else.
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface Violation {
  readonly rule: { readonly name: string };
  readonly from: string;
  readonly to: string;
}
interface Report {
  readonly summary: {
    readonly violations: readonly Violation[];
    readonly ruleSetUsed: { readonly forbidden: readonly { readonly name: string }[] };
  };
}

const project = fileURLToPath(new URL('../../', import.meta.url));
const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));
const depcruise = `${project}node_modules/.bin/depcruise`;

function cruise(cwd: string, folders: readonly string[]): Report {
  const config = `${project}.dependency-cruiser.cjs`;
  const run = spawnSync(depcruise, ['--config', config, '--output-type', 'json', ...folders], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (run.stdout === '') throw new Error(`depcruise wrote no report: ${run.stderr}`);
  return JSON.parse(run.stdout) as Report;
}

const report = cruise(fixtures, ['src', 'console', 'test', 'examples', 'infra/src']);
const rules = report.summary.ruleSetUsed.forbidden.map((rule) => rule.name);

/** `src/gateway/nats-in-its-adapter.ts` is the fixture of the rule `nats-in-its-adapter`. Of a circle each part may be named. */
function fixtureOf(violation: Violation): string {
  return violation.from.replace(/^.*\/(partner-of-)?/, '').replace(/\.ts$/, '');
}

/** infra/ has packages of its own, which are not its code. */
function folderOf(file: string): string {
  const [first = '', second = ''] = file.split('/');
  return first === 'infra' ? `${first}/${second}` : first;
}

describe('the layer rules', () => {
  it.each(rules)('%s refuses its fixture', (rule) => {
    const found = report.summary.violations.filter((violation) => fixtureOf(violation) === rule);
    expect([...new Set(found.map((violation) => violation.rule.name))]).toEqual([rule]);
  });

  it('refuse nothing else in the fixtures', () => {
    const strange = report.summary.violations.filter((violation) => violation.rule.name !== fixtureOf(violation));
    // What breaks a layer is often an import between two folders that makes a circle of them, too.
    expect(strange.filter(({ rule }) => rule.name !== 'rooms-have-an-order')).toEqual([]);
  });

  it('are all kept by the real tree', () => {
    const patterns = ['src/*.ts', 'console/*.ts', 'test/*.ts', 'bench/*.ts', 'examples/*.ts', 'infra/*/*.ts'];
    const listing = execFileSync('git', ['ls-files', '--', ...patterns], { cwd: project, encoding: 'utf8' });
    const folders = [...new Set(listing.split('\n').map(folderOf))].filter(Boolean);
    expect(folders).toContain('src');
    expect(folders).toContain('infra/src');
    const broken = cruise(project, folders).summary.violations;
    expect(broken.map((violation) => `${violation.rule.name}: ${violation.from} → ${violation.to}`)).toEqual([]);
    // A cruise over the whole tree is slow on a busy machine.
  }, 240_000);
});
