// Who comes first, and what holds jobs back, in a whole cluster with one thread.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { startCluster } from '../support/cluster.ts';
import type { TestCluster } from '../support/cluster.ts';
import { readLedger } from '../support/cluster-history.ts';

let cluster: TestCluster;
let troupe: TroupeClient;

beforeAll(async () => {
  cluster = await startCluster();
  troupe = (await cluster.startNode('one', { threads: 1, settings: { 'workers.lookaheadMs': 0 } })).client();
});
afterAll(() => cluster.stop());

/** Takes the only thread until `open` is called. */
async function threadHeld(name: string): Promise<{ open(): Promise<void> }> {
  const gate = join(cluster.dir, `${name}.gate`);
  const { jobId } = await troupe.submit('test.hold', { gate, ledger: join(cluster.dir, `${name}.held`) });
  await cluster.waitFor('it holds the thread', async () => (await troupe.get(jobId)).progress !== undefined, 10_000);
  return {
    async open() {
      writeFileSync(gate, '');
      await troupe.wait(jobId);
    },
  };
}

it('starts the higher levels first, and the lowest before the flood is over', async () => {
  const ledger = join(cluster.dir, 'levels.ledger');
  const held = await threadHeld('levels');
  const levels = [0, 2, 4] as const;
  const drafts = levels.flatMap((priority) =>
    Array.from({ length: 20 }, (_, n) => ({ handler: 'test.work', input: { n, ms: 1, ledger }, priority })),
  );
  const levelOf = new Map<string, number>();
  for (const [index, outcome] of (await troupe.submitMany(drafts)).entries()) {
    if ('ok' in outcome) levelOf.set(outcome.ok.jobId, drafts[index]?.priority ?? -1);
  }
  await cluster.waitFor(
    'the node pulls all levels',
    async () => {
      const pullers = (await troupe.cluster.tree()).actors.filter(({ kind }) => kind === 'puller');
      return ['^0', '^4'].every((level) => pullers.some(({ path }) => path.endsWith(level)));
    },
    20_000,
  );
  await held.open();
  for (const jobId of levelOf.keys()) expect(await troupe.wait(jobId)).toMatchObject({ priority: levelOf.get(jobId) });
  const starts = readLedger(ledger)
    .filter(({ what }) => what === 'start')
    .map(({ jobId }) => levelOf.get(jobId));
  const places = (level: number): number[] => starts.flatMap((one, place) => (one === level ? [place] : []));
  const mean = (of: readonly number[]): number => of.reduce((sum, place) => sum + place, 0) / of.length;
  expect(mean(places(4))).toBeLessThan(mean(places(2)));
  expect(mean(places(2))).toBeLessThan(mean(places(0)));
  // One of each weight in turn: the first of the lowest is not kept back until the others have ended.
  expect(places(0)[0]).toBeLessThan(40);
});
