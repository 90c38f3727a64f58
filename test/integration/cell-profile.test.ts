/** A CPU profile of one run: of exactly its thread, in a synchronous loop, for as long as it runs. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

beforeAll(async () => {
  zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, cells: 1 });
});
afterAll(async () => {
  await zoo.stop();
});

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly hitCount: number;
    readonly children?: readonly number[];
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly startTime: number;
  readonly endTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** How often the samples fell into code of this file. */
function hitsIn(profile: CpuProfile, file: string): number {
  const nodes = profile.nodes.filter(({ callFrame }) => callFrame.url.endsWith(file));
  return nodes.reduce((hits, node) => hits + node.hitCount, 0);
}

async function profileOf(runId: string, durationMs: number): Promise<CpuProfile> {
  return JSON.parse(await zoo.pool.profile(runId, { durationMs })) as CpuProfile;
}

describe('a profile', () => {
  it('is of the thread of that run, inside a loop that never returns', async () => {
    const loop = zoo.run('endless');
    const neighbour = zoo.run('spin', { ms: 8_000 });
    await Promise.all([loop.started, neighbour.started]);
    const profile = await profileOf(loop.runId, 1_000);
    expect(hitsIn(profile, 'endless.job.ts')).toBeGreaterThan(profile.samples.length / 2);
    expect(hitsIn(profile, 'spin.job.ts')).toBe(0);
    expect((profile.endTime - profile.startTime) / 1_000).toBeGreaterThanOrEqual(950);
    // What Chrome's tools need: samples name nodes, and each has its time.
    const ids = new Set(profile.nodes.map(({ id }) => id));
    expect(profile.samples.every((id) => ids.has(id))).toBe(true);
    expect(profile.timeDeltas).toHaveLength(profile.samples.length);
    zoo.pool.cancel(loop.runId);
    expect((await loop.ended).outcome).toEqual({ kind: 'stopped' });
    zoo.pool.cancel(neighbour.runId);
    await neighbour.ended;
  });

  it('ends when the run ends, and holds nothing of the next one', async () => {
    // Long enough that the profile begins before the end, also while others have the cores.
    const run = zoo.run('spin', { ms: 5_000 });
    const others = [zoo.run('endless'), zoo.run('endless')];
    await run.started;
    const atMs = performance.now();
    const profile = await profileOf(run.runId, 60_000);
    expect(performance.now() - atMs).toBeLessThan(30_000);
    expect(hitsIn(profile, 'spin.job.ts')).toBeGreaterThan(0);
    expect(hitsIn(profile, 'endless.job.ts')).toBe(0);
    expect((await run.ended).outcome.kind).toBe('succeeded');
    for (const other of others) zoo.pool.cancel(other.runId);
    await Promise.all(others.map((other) => other.ended));
  });

  it('is there also of a run that is ended by force', async () => {
    // Long enough that the profile begins before the end, as above.
    const run = zoo.run('endless', {}, { executionTimeoutMs: 5_000 });
    await run.started;
    const profile = await profileOf(run.runId, 60_000);
    expect(hitsIn(profile, 'endless.job.ts')).toBeGreaterThan(0);
    expect((await run.ended).outcome).toMatchObject({ failure: { reason: 'ATTEMPT_TIMED_OUT' } });
  });

  it('is refused: duration out of bounds, unknown run, ended run, waiting run, a second one in the same cell', async () => {
    for (const durationMs of [999, 60_001, Number.NaN]) {
      await expect(zoo.pool.profile('nobody', { durationMs })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        violations: [{ field: 'duration' }],
      });
    }
    const gone = { code: 'RUN_NOT_FOUND' };
    await expect(zoo.pool.profile('nobody', { durationMs: 1_000 })).rejects.toMatchObject(gone);
    const done = zoo.run('noop');
    await done.ended;
    await expect(zoo.pool.profile(done.runId, { durationMs: 1_000 })).rejects.toMatchObject(gone);

    const loops = [zoo.run('endless'), zoo.run('endless')] as const;
    await Promise.all(loops.map((loop) => loop.started));
    const waiting = zoo.run('spin', { ms: 1 });
    await expect(zoo.pool.profile(waiting.runId, { durationMs: 1_000 })).rejects.toMatchObject(gone);
    const first = profileOf(loops[0].runId, 1_000);
    await expect(zoo.pool.profile(loops[1].runId, { durationMs: 1_000 })).rejects.toMatchObject({
      code: 'PROFILE_BUSY',
    });
    expect(hitsIn(await first, 'endless.job.ts')).toBeGreaterThan(10);
    expect(hitsIn(await profileOf(loops[1].runId, 1_000), 'endless.job.ts')).toBeGreaterThan(10);
    for (const loop of loops) zoo.pool.cancel(loop.runId);
    await Promise.all([...loops, waiting].map((run) => run.ended));
  });

  it('is given up when the cell dies, and the next one works', async () => {
    const run = zoo.run('kills', { afterMs: 300 });
    await run.started;
    await expect(zoo.pool.profile(run.runId, { durationMs: 60_000 })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    await run.ended;
    await eventually('the cell is up again', () => zoo.pool.capacity() >= 2);
    const loop = zoo.run('endless');
    await loop.started;
    expect(hitsIn(await profileOf(loop.runId, 1_000), 'endless.job.ts')).toBeGreaterThan(10);
    zoo.pool.cancel(loop.runId);
    await loop.ended;
  });

  it('is given up when the handler ends its thread', async () => {
    const run = zoo.run('exits', { afterMs: 300 });
    await run.started;
    await expect(zoo.pool.profile(run.runId, { durationMs: 60_000 })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    expect((await run.ended).outcome).toMatchObject({ failure: { reason: 'THREAD_CRASHED' } });
  });
});
