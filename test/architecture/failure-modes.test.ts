// docs/operating/failure-modes.md promises a test for every row: each must exist, under the very name that is written there.
import { readFileSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const project = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(`${project}docs/operating/failure-modes.md`, 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  .map((line) => line.split('|').map((cell) => cell.trim()));
const named = rows.filter((cells) => cells.at(-2) !== 'test').map((cells) => cells.at(-2) ?? '');

const files = ['chaos', 'contract', 'e2e', 'integration', 'unit'].flatMap((folder) =>
  readdirSync(`${project}test/${folder}`, { recursive: true, encoding: 'utf8' }).map(
    (path) => `${project}test/${folder}/${path}`,
  ),
);

/** Names of the tests of one file, as they are written in it. */
function testsIn(file: string): readonly string[] {
  const found = files.find((path) => basename(path) === file);
  if (found === undefined) return [];
  const text = readFileSync(found, 'utf8');
  return [...text.matchAll(/\bit(?:\.each\([\s\S]*?\]\))?\(\s*'((?:[^'\\]|\\.)*)'/g)].map((match) => match[1] ?? '');
}

describe('the failure modes', () => {
  it('are many', () => {
    expect(named.length).toBeGreaterThan(20);
  });

  it.each(named)('%s', (cell) => {
    const [, file = '', name = ''] = /^`([a-z0-9-]+\.test\.ts)`: (.+)$/.exec(cell) ?? [];
    expect(testsIn(file)).toContain(name);
  });

  it.each(['gaps-waiting.test.ts', 'gaps-running.test.ts'])('have a row for every gap that %s holds open', (file) => {
    const begin = `\`${file}\`: `;
    const rowsOfGaps = named.filter((cell) => cell.startsWith(begin)).map((cell) => cell.slice(begin.length).trim());
    expect(rowsOfGaps.sort()).toEqual([...testsIn(file)].sort());
  });
});
