// One meaning for each word: identifiers and file names of src use the terms of docs/glossary.md, and none that it retired.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const project = fileURLToPath(new URL('../../', import.meta.url));
const glossary = readFileSync(`${project}docs/glossary.md`, 'utf8');
const files = execFileSync('git', ['ls-files', '--', 'src'], { cwd: project, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file.endsWith('.ts'));

/** `| ~~word~~ | what to say |` in the glossary. */
const retired = new Set([...glossary.matchAll(/^\| ~~([a-z-]+)~~ \|/gm)].map(([, word = '']) => word));

/** `#queueLimits` → queue, limits; a plural counts as its singular. */
function wordsOf(name: string): string[] {
  const words = name.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/);
  return words.map((word) => word.toLowerCase()).flatMap((word) => [word, word.replace(/s$/, '')]);
}

function retiredIn(name: string): string[] {
  const words = wordsOf(name);
  const pairs = words.flatMap((word, at) => words.slice(at + 1, at + 3).map((next) => `${word}-${next}`));
  return [...new Set([...words, ...pairs])].filter((word) => retired.has(word));
}

function identifiersOf(file: string): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) names.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(project + file, 'utf8'), ts.ScriptTarget.Latest));
  return names;
}

describe('the vocabulary', () => {
  it('names the words that are retired', () => {
    expect(retired.size).toBeGreaterThan(15);
  });

  it('finds a retired word in a name, and not in a longer word', () => {
    expect(['QueueGate', '#parked', 'strands', 'giveBack', 'gateway', 'lanes', 'planes'].map(retiredIn)).toEqual([
      ['gate'],
      ['parked'],
      ['strand'],
      ['give-back'],
      [],
      ['lane'],
      [],
    ]);
  });

  it('has no retired word in an identifier or a file name', () => {
    const found = files.flatMap((file) =>
      [...identifiersOf(file), file.replaceAll('/', ' ')].flatMap((name) =>
        retiredIn(name).map((word) => `${file}: ${name} (${word})`),
      ),
    );
    expect(found).toEqual([]);
  });
});
