// The project's own lint rule bites, where it should and nowhere else.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Linter } from 'eslint';
import ts from 'typescript';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import { wordIndex } from '../../scripts/lint/word-index.ts';

/** Lines on which the rule complains; the program is this text and nothing else. */
function complaints(text: string): readonly number[] {
  const cwd = mkdtempSync(join(tmpdir(), 'troupe-lint-'));
  try {
    const file = join(cwd, 'a.ts');
    writeFileSync(file, text);
    const program = ts.createProgram([file], { strict: true, target: ts.ScriptTarget.ESNext, types: [] });
    const config: Linter.Config = {
      files: ['**/*.ts'],
      languageOptions: { parser: tseslint.parser, parserOptions: { programs: [program] } },
      plugins: { troupe: { rules: { 'word-index': wordIndex } } },
      rules: { 'troupe/word-index': 'error' },
    };
    return new Linter({ cwd }).verify(text, [config], { filename: file }).map(({ line }) => line);
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

const source = `
  export function look(map: Readonly<Record<string, number>>, word: string, kind: 'a' | 'b', at: number): unknown[] {
    return [
      map[word],
      map[\`lease.\${word}\`],
      word in map,
      map[kind],
      map['a'],
      [1, 2][at],
      new Map(Object.entries(map)).get(word),
    ];
  }
  export function write<Name extends string>(map: Record<string, number>, name: Name): void {
    map[name] = 1;
  }
`;

describe('word-index', () => {
  it('refuses a plain object asked for a word that nobody knows beforehand, and nothing else', () => {
    expect(complaints(source)).toEqual([4, 5, 6, 14]);
  });
});
