// A rolling deploy under load, twice over: each node is drained by SIGTERM and replaced by one with a newer handler.
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect, type TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { subscribeDurable } from '../support/cluster-events.ts';
import { History, readLedger } from '../support/cluster-history.ts';
import { startLoad } from '../support/cluster-load.ts';
import { handlerFolder } from '../support/cluster-versions.ts';

let cluster: TestCluster;
let troupe: TroupeClient | undefined;

beforeEach(async () => {
  cluster = await startCluster({ settings: { 'shutdown.graceMs': 8_000 } });
});
afterEach(async () => {
  troupe?.close();
  await cluster.stop();
});

/** What a deploy brings: short work, and some that takes longer than it takes to drain the rest. */
function release(version: string): Promise<string> {
  const input = 'z.object({ ledger: z.string() })';
  return handlerFolder(cluster.dir, [
    { name: 'doc', version, input, workMs: 5 },
    { name: 'book', version, input, workMs: 700 },
  ]);
}

describe('a rolling deploy under load', () => {
  it('loses nothing, runs nothing twice, counts no failure, and no caller sees an error', async () => {
    const versions = ['1.0.0', '1.1.0', '1.2.0'];
    let dir = await release('1.0.0');
    const nodes: TestNode[] = [];
    for (const name of ['a', 'b', 'c']) nodes.push(await cluster.startNode(name, { handlerDirs: [dir] }));
    const events = await subscribeDurable(cluster.broker.url, cluster.root, 'auditor');
    const history = new History();
    const ledger = join(cluster.dir, 'runs.ledger');
    // As behind a load balancer: a call goes to a gateway that is there.
    troupe = connect({ address: `ipv4:${nodes.map(({ address }) => address ?? '').join(',')}` });
    const load = startLoad({
      clients: [troupe],
      history,
      lanes: 6,
      gapMs: 25,
      watchEvery: 10,
      draft: (n) => ({ handler: n % 20 === 0 ? 'book' : 'doc', input: { ledger } }),
    });
    await cluster.waitFor('work is under way', () => load.accepted > 60, 30_000);
    const drainMs: number[] = [];
    for (const version of versions.slice(1)) {
      dir = await release(version);
      for (const [at, node] of nodes.entries()) {
        const before = load.accepted;
        const stopMs = performance.now();
        expect(await node.stop()).toBe(0);
        drainMs.push(Math.round(performance.now() - stopMs));
        nodes[at] = await cluster.restartNode(node, { handlerDirs: [dir] });
        await cluster.waitFor('work goes on', () => load.accepted > before + 40, 30_000);
      }
    }
    await load.stop();
    const jobs = await load.settle([troupe], 40_000);
    const runs = readLedger(ledger);
    const count = (what: string): number => runs.filter((run) => run.what === what).length;
    process.stderr.write(
      `measured: rolling deploy: ${jobs.length} jobs, drains ${drainMs.join(' ')} ms, refusals seen ${load.refusals.size}\n`,
    );
    expect([load.surprises, [...load.refusals]]).toEqual([[], []]);
    // An attempt that was granted to a node which then drained went back unbegun: it is no loss, and nothing had run.
    const troubled = jobs.filter(({ state, failures, losses }) => state !== 'SUCCEEDED' || failures + losses > 0);
    expect(troubled).toEqual([]);
    // No run was cut off: the grace was longer than the longest of them.
    const twice = jobs.filter(
      ({ id }) => runs.filter(({ jobId, what }) => jobId === id && what === 'start').length > 1,
    );
    expect(twice).toEqual([]);
    expect([count('start'), count('end')]).toEqual([jobs.length, jobs.length]);
    expect(new Set(jobs.map(({ output }) => (output as { version: string }).version))).toEqual(new Set(versions));
    await cluster.waitFor(
      'every last event',
      () => jobs.every(({ id }) => events.ofJob(id).some(({ type }) => type === 'succeeded')),
      30_000,
    );
    expect(history.check({ events: events.events, executions: runs })).toEqual([]);
    await events.close();
  });
});
