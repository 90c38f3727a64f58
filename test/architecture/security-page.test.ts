// SECURITY.md says what code of a handler reaches. Each row names a test that tries it, or a case of one, as it is written there.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const project = fileURLToPath(new URL('../../', import.meta.url));
const textOf = (path: string): string => readFileSync(`${project}${path}`, 'utf8');
const page = textOf('SECURITY.md');
const [, section = ''] = /\n## What code of a handler reaches\n([\s\S]*?)\n## /.exec(page) ?? [];
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| it tries'))
  .map((line) => line.split('|').map((cell) => cell.trim()));

describe('what code of a handler reaches', () => {
  it('is many things', () => {
    expect(rows.length).toBeGreaterThan(20);
  });

  it.each(rows.map((cells) => ({ tries: cells[1] ?? '', test: cells.at(-2) ?? '' })))('$tries', ({ test }) => {
    const [, file = '', name = ''] = /^`(cell-[a-z]+\.test\.ts)`: (.+)$/.exec(test) ?? [];
    expect(textOf(`test/integration/${file}`)).toContain(`'${name}'`);
  });

  it('names whatever the handler of these tests tries', () => {
    const tried = [...textOf('test/support/rogue-handlers/zoo/reaches.job.ts').matchAll(/^ {2,4}\[?'([^']+)',/gm)];
    const names = tried.map((match) => match[1] ?? '');
    expect(names.length).toBeGreaterThan(20);
    const tests = textOf('test/integration/cell-reach.test.ts');
    expect(names.filter((name) => !tests.includes(`'${name}'`))).toEqual([]);
  });
});
