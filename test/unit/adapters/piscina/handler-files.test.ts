// What is read of handler folders, also while something is removed from them.
import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readHandlerFiles } from '../../../../src/adapters/piscina/node/handler-files.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-handler-files-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

it('a handler that is removed between the look at its folder and the look at itself counts as not there', async () => {
  // Reading the first file waits until something is written to it. By then the folder has been read.
  execFileSync('mkfifo', [join(dir, 'a.ts')]);
  await writeFile(join(dir, 'goes.job.ts'), 'one');
  await writeFile(join(dir, 'stays.job.ts'), 'two');
  const reading = readHandlerFiles([dir]);
  const pipe = await open(join(dir, 'a.ts'), 'w');
  await rm(join(dir, 'goes.job.ts'));
  await pipe.write('piped');
  await pipe.close();
  const files = await reading;
  expect(files.handlers.map((url) => files.nameOf(url))).toEqual(['stays.job.ts']);
  expect([...files.sources.values()]).toEqual(['piped', 'two']);
});

it('a link to nowhere stays in the list, so that its import says what is wrong', async () => {
  await symlink(join(dir, 'nowhere'), join(dir, 'link.job.ts'));
  const files = await readHandlerFiles([dir]);
  expect(files.handlers.map((url) => files.nameOf(url))).toEqual(['link.job.ts']);
});
