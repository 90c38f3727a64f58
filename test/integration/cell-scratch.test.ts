/** What handlers write into the scratch folder of their cell: its bound, who ends for it, and that it is empty afterwards. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness, type StartedRun } from '../support/rogue-handlers/harness.ts';
import { CountedStreams } from '../support/run-streams.ts';

const mib = 2 ** 20;
let scratchFolder: string;
let zoo: Harness;

beforeEach(async () => {
  scratchFolder = mkdtempSync(join(tmpdir(), 'troupe-scratch-'));
  zoo = await startPool({
    handlerDirs: [zooDir],
    threads: 2,
    memoryMb: 96,
    scratchFolder,
    scratchMaxBytes: 64 * mib,
    cellScratchMaxBytes: 2 * mib,
  });
});
afterEach(async () => {
  await zoo.stop();
  rmSync(scratchFolder, { recursive: true });
});

/** `what` is what the handler does, as it reads it. */
function fill(what: number): StartedRun {
  const streams = new CountedStreams(5 * mib);
  return zoo.run('fills', undefined, { input: streams.input, attempt: what }, streams);
}

function files(): readonly string[] {
  const entries = readdirSync(scratchFolder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

const full = {
  kind: 'failed',
  retryable: true,
  failure: {
    reason: 'HANDLER_FAILED',
    code: 'SCRATCH_FULL',
    message: expect.stringMatching(
      /"fills" held 31\d{5} bytes .* 2097152 bytes \(workers\.cellScratchMaxBytes\)/,
    ) as unknown,
  },
};

describe('a handler that fills the scratch folder of its cell', () => {
  it.each([
    ['beside its input', 1],
    ['in folders of its own', 3],
  ])('fails, its neighbour runs again uncounted, and nothing stays: %s', async (_, what) => {
    const neighbour = zoo.run('never');
    await neighbour.started;
    const pid = zoo.pool.stats().cells[0]?.pid;
    const run = fill(what);
    expect((await run.ended).outcome).toEqual(full);
    expect((await neighbour.ended).outcome).toEqual({ kind: 'lost', blame: 'unknown' });
    const death = zoo.log.find(({ message }) => message === 'cell died');
    expect(death?.fields['why']).toBe('ended by its parent: its scratch folder is full');
    await eventually('its files are removed', () => files().length === 0);
    await eventually('there is a cell again', () => zoo.pool.capacity() >= 2);
    expect(zoo.pool.stats().cells[0]?.pid).not.toBe(pid);
    expect((await zoo.run('noop').ended).outcome.kind).toBe('succeeded');
  });

  it('fails with all that run there, if it writes where nobody can say whose it is', async () => {
    const neighbour = fill(0);
    await eventually('the neighbour has its file', () => neighbour.lines.length > 0);
    const run = fill(2);
    expect((await run.ended).outcome).toEqual(full);
    expect((await neighbour.ended).outcome).toEqual(full);
    await eventually('its files are removed', () => files().length === 0);
  });

  it('goes on while it keeps within the bound, whatever its input takes', async () => {
    const within = fill(0);
    await eventually('it has its file', () => within.lines.length > 0);
    const path = within.lines[0]?.text ?? '';
    // Another that does not: once it has ended, the first would have been seen too.
    const neighbour = fill(1);
    expect((await neighbour.ended).outcome).toEqual(full);
    expect((await within.ended).outcome).toEqual({ kind: 'lost', blame: 'unknown' });
    await eventually('its file is removed', () => !existsSync(path));
  });
});
