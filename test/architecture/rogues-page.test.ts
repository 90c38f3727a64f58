// docs/operating/handlers-that-misbehave.md has a row for every rogue of the zoo, with the reason that its test expects.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { rogues } from '../support/rogue-handlers/rogues.ts';

const page = readFileSync(
  fileURLToPath(new URL('../../docs/operating/handlers-that-misbehave.md', import.meta.url)),
  'utf8',
);

it.each(rogues.map((rogue) => [rogue.what, rogue] as const))('%s', (what, { reason }) => {
  const row = page.split('\n').find((line) => line.startsWith(`| ${what} |`));
  expect(row).toBeDefined();
  if (reason !== undefined) expect(row).toContain(reason);
});

it('has no row too many', () => {
  const [, table = ''] = /\| --- .*\n([\s\S]*?)\n\n/.exec(page) ?? [];
  expect(table.split('\n')).toHaveLength(rogues.length);
});
