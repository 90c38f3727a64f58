/** What `npm run test:kube` makes for itself, with parts that cost nothing. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeParts } from './kube/binaries.ts';
import type { Part } from './kube/parts.ts';

let folder: string;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-parts-'));
  lines = [];
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function part(name: string, make: (into: string) => void): Part {
  const makeIt = async (into: string) => {
    await Promise.resolve();
    make(into);
  };
  return { name, version: '1.0', make: makeIt };
}

const say = (line: string): void => void lines.push(line);

it('makes a part once', async () => {
  let made = 0;
  const tool = part('tool', (into) => {
    made += 1;
    writeFileSync(join(into, 'tool'), 'all of it');
  });
  expect(await makeParts([tool], say, folder)).toEqual([]);
  expect(await makeParts([tool], say, folder)).toEqual([]);
  expect(made).toBe(1);
  expect(readFileSync(join(folder, 'tool-1.0/tool'), 'utf8')).toBe('all of it');
  expect(lines.at(-1)).toBe('tool 1.0: in the cache');
});

it('says which part cannot be made and why, keeps nothing of it, and makes the others', async () => {
  const broken = part('broken', (into) => {
    writeFileSync(join(into, 'half'), 'half of it');
    throw new Error('the proxy does not serve it');
  });
  const whole = part('whole', (into) => {
    writeFileSync(join(into, 'whole'), '');
  });
  expect(await makeParts([broken, whole], say, folder)).toEqual([
    { name: 'broken', reason: 'the proxy does not serve it' },
  ]);
  expect(lines).toContain('broken 1.0: FAILED: the proxy does not serve it');
  expect(readdirSync(folder)).toEqual(['whole-1.0']);
});
