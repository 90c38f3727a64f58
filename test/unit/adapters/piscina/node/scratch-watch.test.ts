/** What lies in the scratch folder of a cell, with real files: what counts, whose it is, and where the count ends. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { RunRequest } from '../../../../../src/application/ports/run-pool.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import type { ScratchCell } from '../../../../../src/adapters/piscina/node/scratch-folder.ts';
import { scratchExcess, scratchFull } from '../../../../../src/adapters/piscina/node/scratch-watch.ts';

const mib = 2 ** 20;

function cellWith(granted: ReturnType<ScratchCell['granted']>): ScratchCell {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-scratch-use-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const { name } of granted) mkdirSync(join(folder, name));
  return { folder, granted: () => granted, close: () => Promise.resolve() };
}
const write = (cell: ScratchCell, path: string, bytes: number): void =>
  writeFileSync(join(cell.folder, path), Buffer.alloc(bytes, 1));

it('counts nothing for inputs, up to what they may take', async () => {
  const cell = cellWith([{ runId: 'a', name: 'a', bytes: 3 * mib }]);
  write(cell, 'a/input', 3 * mib);
  expect(await scratchExcess(cell, mib)).toBeUndefined();
  write(cell, 'a/input', 5 * mib);
  const excess = await scratchExcess(cell, mib);
  expect(excess?.runIds).toEqual(new Set(['a']));
  expect(excess?.bytes).toBeGreaterThanOrEqual(2 * mib);
});

it('names the run that wrote, and none if it wrote where all may', async () => {
  const cell = cellWith(['a', 'b'].map((name) => ({ runId: name, name, bytes: 10 })));
  write(cell, 'a/input', 10);
  write(cell, 'b/more', 2 * mib);
  expect((await scratchExcess(cell, mib))?.runIds).toEqual(new Set(['b']));
  rmSync(join(cell.folder, 'b/more'));
  write(cell, 'elsewhere', 2 * mib);
  expect((await scratchExcess(cell, mib))?.runIds).toEqual(new Set());
});

it('counts what the disk holds: no holes, and nothing behind a link', async () => {
  const cell = cellWith([]);
  const far = cellWith([]);
  write(far, 'large', 4 * mib);
  symlinkSync(far.folder, join(cell.folder, 'link'));
  write(cell, 'holes', 1);
  truncateSync(join(cell.folder, 'holes'), 64 * mib);
  expect(await scratchExcess(cell, mib)).toBeUndefined();
});

it('takes more files than it looks at for too much', async () => {
  const cell = cellWith([]);
  for (let file = 0; file < 10; file += 1) write(cell, `${file}`, 1);
  expect(await scratchExcess(cell, mib, 10)).toBeUndefined();
  write(cell, 'one more', 1);
  expect(await scratchExcess(cell, mib, 10)).toMatchObject({ entries: 11 });
});

it('takes a folder that is not there for empty', async () => {
  const cell = { ...cellWith([]), folder: join(tmpdir(), 'troupe-scratch-that-is-not-there') };
  expect(await scratchExcess(cell, mib)).toBeUndefined();
});

function runOf(handler: string, startedAtMs: number | undefined): Parameters<typeof scratchFull>[0] {
  const request: RunRequest = {
    runId: `run of ${handler}`,
    jobId: 'job' as JobId,
    tenant: 'default',
    attempt: 1,
    handler,
    input: { kind: 'json', json: '{}' },
    executionTimeoutMs: 1,
    suspect: false,
  };
  return { request, startedAtMs };
}

it('blames who wrote; if nobody knows who that was, all that have begun', () => {
  const blamed = { bytes: 5 * mib, entries: 1, runIds: new Set(['run of h']) };
  expect(scratchFull(runOf('h', undefined), blamed, mib)).toBeDefined();
  expect(scratchFull(runOf('other', 1), blamed, mib)).toBeUndefined();
  const unknown = { ...blamed, runIds: new Set<string>() };
  expect(scratchFull(runOf('h', 1), unknown, mib)).toBeDefined();
  expect(scratchFull(runOf('h', undefined), unknown, mib)).toBeUndefined();
});

it('says what there was, and what is allowed', () => {
  const excess = { bytes: 5 * mib, entries: 100_001, runIds: new Set<string>() };
  expect(scratchFull(runOf('h', 1), excess, mib)).toMatchObject({
    failure: {
      message:
        'the scratch folder of the handler "h" held 5242880 bytes and more than 100000 files and folders beside the inputs; 1048576 bytes (workers.cellScratchMaxBytes) and 100000 are allowed',
    },
  });
});
