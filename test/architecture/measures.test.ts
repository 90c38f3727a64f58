// The names of measures stand in one file: alerts and dashboards are built from it, and must not drift from the code.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { counters, gauges, histograms } from '../../src/domain/measures.ts';

const project = fileURLToPath(new URL('../../', import.meta.url));
const home = 'src/domain/measures.ts';
const listed = execFileSync('git', ['ls-files', '--', 'src'], { cwd: project, encoding: 'utf8' });
const sources = listed.split('\n').filter((file) => file.endsWith('.ts') && file !== home);
const texts = sources.map((file) => ({ file, text: readFileSync(project + file, 'utf8') }));

describe('measures', () => {
  it('have their names in one file only', () => {
    const literal = /['"`]troupe_[a-z_]+/;
    expect(texts.filter(({ text }) => literal.test(text)).map(({ file }) => file)).toEqual([]);
  });

  it('are each made somewhere', () => {
    const all = Object.entries({ counters, gauges, histograms }).flatMap(([kind, measures]) =>
      Object.keys(measures).map((key) => `${kind}.${key}`),
    );
    const unused = all.filter((path) => !texts.some(({ text }) => new RegExp(`\\b${path}\\b`).test(text)));
    expect(all).not.toEqual([]);
    expect(unused).toEqual([]);
  });

  it('have names that say what kind they are', () => {
    const names = (measures: Readonly<Record<string, { readonly name: string }>>): readonly string[] =>
      Object.values(measures).map(({ name }) => name);
    expect(names(counters).filter((name) => !name.endsWith('_total'))).toEqual([]);
    expect(names(gauges).filter((name) => name.endsWith('_total'))).toEqual([]);
    expect(names(histograms).filter((name) => name.endsWith('_total'))).toEqual([]);
  });
});
