/** What the pool shows of its cells and runs while they are at work: for whoever looks at the tree of a node. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

beforeAll(async () => {
  zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96, cells: 1, threads: 2 });
});
afterAll(async () => {
  await zoo.stop();
});

it('a cell shows its process and how many of its threads are busy', async () => {
  const loop = zoo.run('endless');
  await loop.started;
  await eventually('the cell has told', () => zoo.pool.stats().cells[0]?.busy === 1);
  const [cell] = zoo.pool.stats().cells;
  expect(cell).toMatchObject({ state: 'up', threads: 2, leaked: 0 });
  expect(cell?.rssBytes).toBeGreaterThan(20 * 1_048_576);
  // The loop runs in a thread: the cell's own stays free.
  await eventually('its event loop is idle', () => (zoo.pool.stats().cells[0]?.eventLoopUtilization ?? 1) < 0.9);
  zoo.pool.cancel(loop.runId);
  await loop.ended;
  await eventually('the cell has told that it is free', () => zoo.pool.stats().cells[0]?.busy === 0);
});

it('a run shows its thread, its progress and since when it has been silent; one that waits shows none of it', async () => {
  const loops = [zoo.run('endless'), zoo.run('endless')];
  await Promise.all(loops.map(({ started }) => started));
  const waiting = zoo.run('noop', undefined, { deadlineAtMs: Date.now() + 60_000 });
  const third = zoo.pool.runs().find(({ runId }) => runId === waiting.runId);
  expect(third).toMatchObject({ handler: 'noop', progress: 0, suspect: false });
  expect(third).not.toHaveProperty('thread');
  expect(third).not.toHaveProperty('startedAgoMs');
  // Their starts may become known later than their silence: that is told by the clock of the cell.
  await eventually('both are seen, silent for a second', () =>
    zoo.pool
      .runs()
      .slice(0, 2)
      .every(({ pulseAgoMs = 0, startedAgoMs = 0 }) => pulseAgoMs >= 900 && startedAgoMs >= 900),
  );
  const [first, second] = zoo.pool.runs();
  expect(first).toMatchObject({ runId: loops[0]?.runId, handler: 'endless', cellPid: zoo.pool.stats().cells[0]?.pid });
  expect(first?.startedAgoMs).toBeGreaterThanOrEqual(900);
  expect(new Set([first?.thread, second?.thread]).size).toBe(2);
  for (const { runId } of loops) zoo.pool.cancel(runId);
  await Promise.all([...loops, waiting].map(({ ended }) => ended));
  expect(zoo.pool.runs()).toEqual([]);
});

it('signs of life start the silence anew, and progress is shown', async () => {
  const run = zoo.run('polite');
  await eventually('it has said something', () => (zoo.pool.runs()[0]?.progress ?? 0) > 0);
  await eventually('it was heard of later than at its start', () => {
    const [{ pulseAgoMs = Infinity, startedAgoMs = 0 } = {}] = zoo.pool.runs();
    return pulseAgoMs < startedAgoMs - 500;
  });
  zoo.pool.cancel(run.runId);
  await run.ended;
});
