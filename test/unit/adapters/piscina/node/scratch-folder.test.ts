/** Room for files of inputs: bounded, in turn, and left behind by nobody. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { expect, it, onTestFinished } from 'vitest';
import { ScratchFolder } from '../../../../../src/adapters/piscina/node/scratch-folder.ts';
import { silentLog } from '../../../../support/stores.ts';

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'troupe-scratch-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

it('gives each run a path of its own, and removes what lies there when the run has ended', async () => {
  const scratch = new ScratchFolder({ folder: folder(), maxBytes: 100, reserveBytes: 0, log: silentLog });
  const paths = await Promise.all(['a', 'b'].map((run) => scratch.reserve(run, 'input', 50)));
  expect(new Set(paths).size).toBe(2);
  for (const path of paths) writeFileSync(path, 'x');
  scratch.release('a');
  scratch.release('a');
  await expect.poll(() => paths.map((path) => existsSync(dirname(path)))).toEqual([false, true]);
  scratch.close();
  expect(paths.map((path) => existsSync(path))).toEqual([false, false]);
});

it('lets who finds no room wait, in the order in which they came, and forgets who gives up', async () => {
  const scratch = new ScratchFolder({ folder: folder(), maxBytes: 100, reserveBytes: 0, log: silentLog });
  const given: string[] = [];
  const want = (run: string, bytes: number): void =>
    void scratch.reserve(run, 'input', bytes).then(
      () => given.push(run),
      () => given.push(`${run} gave up`),
    );
  want('a', 60);
  await expect.poll(() => given).toEqual(['a']);
  want('large', 100);
  want('small', 10);
  want('leaves', 50);
  scratch.release('leaves');
  await expect.poll(() => given).toEqual(['a', 'leaves gave up']);
  scratch.release('a');
  await expect.poll(() => given).toEqual(['a', 'leaves gave up', 'large']);
  scratch.release('large');
  await expect.poll(() => given.at(-1)).toBe('small');
  scratch.close();
});

it('makes no run wait that has a file already, because another could wait for that one', async () => {
  const scratch = new ScratchFolder({ folder: folder(), maxBytes: 100, reserveBytes: 0, log: silentLog });
  await scratch.reserve('a', 'input', 60);
  expect(await scratch.reserve('a', 'checkpoint', 40)).toMatch(/checkpoint$/);
  await expect(scratch.reserve('b', 'input', 101)).rejects.toMatchObject({ code: 'OVERLOADED' });
  scratch.release('a');
  await scratch.reserve('b', 'input', 60);
  await expect(scratch.reserve('b', 'checkpoint', 41)).rejects.toMatchObject({
    message: /no room beside the other file of the attempt/,
  });
  scratch.close();
});

it('that cannot be used keeps no node from starting, and is named to whoever wants a file', async () => {
  const blocked = join(folder(), 'a-file');
  writeFileSync(blocked, '');
  const scratch = new ScratchFolder({ folder: blocked, maxBytes: 100, reserveBytes: 0, log: silentLog });
  await expect(scratch.reserve('a', 'input', 1)).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: 'the scratch folder of this node cannot be used',
  });
  scratch.close();
});

it('leaves the reserve of its disk free', async () => {
  const scratch = new ScratchFolder({ folder: folder(), maxBytes: 100, reserveBytes: 2 ** 60, log: silentLog });
  await expect(scratch.reserve('a', 'input', 1)).rejects.toMatchObject({
    code: 'OVERLOADED',
    message: /the disk of workers\.scratchDir has \d+ free, of which \d+ stay so/,
  });
});

it('leaves the reserve of its disk free also when files are promised that are not written yet', async () => {
  const path = folder();
  const { bavail, bsize } = statfsSync(path);
  const freeBytes = bavail * bsize;
  // Others write to this disk meanwhile.
  const third = Math.floor(freeBytes / 3);
  const parts = { folder: path, maxBytes: freeBytes, reserveBytes: Math.floor(freeBytes / 2), log: silentLog };
  const scratch = new ScratchFolder(parts);
  const written = await scratch.reserve('a', 'input', third);
  await expect(scratch.reserve('b', 'input', third)).rejects.toMatchObject({ code: 'OVERLOADED' });
  writeFileSync(written, 'x');
  await expect(scratch.reserve('b', 'input', third)).rejects.toMatchObject({ code: 'OVERLOADED' });
  scratch.release('a');
  expect(await scratch.reserve('b', 'input', third)).toMatch(/input$/);
  scratch.close();
});

it('lets who waits for room look at the disk when it has its turn', async () => {
  const path = folder();
  const { bavail, bsize } = statfsSync(path);
  const third = Math.floor((bavail * bsize) / 3);
  const parts = { folder: path, maxBytes: third, reserveBytes: Math.floor((bavail * bsize) / 2), log: silentLog };
  const scratch = new ScratchFolder(parts);
  await scratch.reserve('a', 'input', third);
  // Beside the first there would be no room on the disk either.
  const waits = scratch.reserve('b', 'input', third);
  scratch.release('a');
  expect(await waits).toMatch(/input$/);
  scratch.close();
});

it('refuses at once what will never fit, and names the limit', async () => {
  const scratch = new ScratchFolder({ folder: folder(), maxBytes: 100, reserveBytes: 0, log: silentLog });
  await expect(scratch.reserve('a', 'input', 101)).rejects.toMatchObject({
    message: 'the input has 101 bytes, and the files of this node may have 100 together (workers.scratchMaxBytes)',
  });
});

it('of a process that is gone is removed by the next start; of one that lives, and of others, it is left', () => {
  const path = folder();
  const { pid: gone } = spawnSync(process.execPath, ['--version']);
  const names = { gone: `${gone}-0123abcd`, alive: `${process.ppid}-0123abcd`, foreign: 'notes' };
  for (const name of Object.values(names)) {
    mkdirSync(join(path, name));
    writeFileSync(join(path, name, 'input'), 'x');
  }
  new ScratchFolder({ folder: path, maxBytes: 100, reserveBytes: 0, log: silentLog }).close();
  expect(readdirSync(path).toSorted()).toEqual([names.alive, names.foreign].toSorted());
});
