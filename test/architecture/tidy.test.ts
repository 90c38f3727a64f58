// House rules that no linter knows: names, sizes, first lines, excuses, and that every test file is run by a project.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const project = fileURLToPath(new URL('../../', import.meta.url));
const listed = execFileSync(
  'git',
  ['ls-files', '--', 'src', 'console', 'test', 'bench', 'examples', 'scripts', 'infra'],
  {
    cwd: project,
    encoding: 'utf8',
  },
);
const files = listed.split('\n').filter((file) => /\.(tsx?|mjs)$/.test(file) && !file.includes('/fixtures/'));
const sources = files.filter((file) => /^((infra|console)\/)?src\//.test(file));

function textOf(file: string): string {
  try {
    return readFileSync(project + file, 'utf8');
  } catch {
    return ''; // Deleted and not yet committed.
  }
}

/** Lines with code: neither blank nor comment. */
function codeLines(text: string): number {
  const withoutBlocks = text.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  return withoutBlocks.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length;
}

/** Longer than 300 lines of code, each with the reason. The list may only become shorter. */
const longFiles: readonly string[] = [];
/** Lines that switch a rule off. The number may only become smaller. */
const excusesMax = 12;

describe('the tree is tidy', () => {
  it('names files as nouns in kebab-case', () => {
    const bad = files.filter((file) => !/^[a-z0-9.-]+$/.test(file.split('/').at(-1) ?? ''));
    expect(bad).toEqual([]);
  });

  it('has no drawer for odds and ends', () => {
    const bad = files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|types)(\/|\.ts$)/.test(file));
    expect(bad).toEqual([]);
  });

  it('begins every source file with what it is for', () => {
    const bad = sources.filter((file) => textOf(file) !== '' && !/^(#!.*\n)?(\/\/|\/\*)/.test(textOf(file)));
    expect(bad).toEqual([]);
  });

  it('keeps source files under 300 lines', () => {
    expect(sources.filter((file) => codeLines(textOf(file)) > 300)).toEqual(longFiles);
  });

  it('has few exceptions to the rules, and gives the reason of each', () => {
    const marker = new RegExp(['eslint', 'disable'].join('-') + '|@ts-(ignore|expect-error|nocheck)');
    const excuses = files.flatMap((file) =>
      textOf(file)
        .split('\n')
        .filter((line) => marker.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
    expect(excuses.length).toBeLessThanOrEqual(excusesMax);
    expect(excuses.filter((line) => !/ -- \S+|@ts-expect-error:? \S+/.test(line))).toEqual([]);
  });

  it('leaves no test undone: no skip without a condition, no only', () => {
    const tests = files.filter((file) => file.endsWith('.test.ts'));
    const pattern = new RegExp(`\\b(it|test|describe)\\.(${['only', 'skip', 'todo'].join('|')})\\(`);
    expect(tests.filter((file) => pattern.test(textOf(file)))).toEqual([]);
  });

  it('runs every test file in some project', () => {
    const run = execFileSync(`${project}node_modules/.bin/vitest`, ['list', '--filesOnly', '--json'], {
      cwd: project,
      encoding: 'utf8',
      maxBuffer: 16 << 20,
    });
    const known = (JSON.parse(run) as readonly { readonly file: string }[]).map(({ file }) =>
      file.replace(project, ''),
    );
    const tests = files.filter((file) => /^(?!infra\/).*\.test\.ts$/.test(file) && textOf(file) !== '');
    expect(tests.filter((file) => !known.includes(file))).toEqual([]);
  });
});
