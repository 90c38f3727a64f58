// Nodes with different handlers and versions, as during a deploy: a job runs only where its handler is, and no attempt is
// spent on finding out.
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobInfo, TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster, type TestNode } from '../support/cluster.ts';
import { History, readLedger } from '../support/cluster-history.ts';
import { startLoad } from '../support/cluster-load.ts';
import { handlerFolder } from '../support/cluster-versions.ts';

let cluster: TestCluster;
let ledger: string;

beforeEach(async () => {
  cluster = await startCluster();
  ledger = join(cluster.dir, 'runs.ledger');
});
afterEach(async () => {
  await cluster.stop();
});

const open = 'z.object({ ledger: z.string() })';
const strict = 'z.object({ ledger: z.string(), page: z.int() })';

function folder(...handlers: readonly (readonly [name: string, version: string, input?: string])[]): Promise<string> {
  return handlerFolder(
    cluster.dir,
    handlers.map(([name, version, input = open]) => ({ name, version, input })),
  );
}

const ended = (troupe: TroupeClient, id: string): Promise<JobInfo> =>
  troupe.wait(id, { signal: AbortSignal.timeout(30_000) });

async function metric(node: TestNode, line: RegExp): Promise<string | undefined> {
  return line.exec(await (await fetch(`${node.httpUrl}/metrics`)).text())?.[1];
}

async function consumers(): Promise<number> {
  const connection = await connect({ servers: cluster.broker.url });
  const manager = await jetstreamManager(connection);
  const found = await manager.consumers.list(`${cluster.root.toUpperCase()}_WORK`).next();
  await connection.close();
  return found.length;
}

describe('of nodes with different handlers', () => {
  it('a job runs only on a node that has what it needs, in its first attempt, and the others are not kept waiting', async () => {
    const old = await cluster.startNode('old', { handlerDirs: [await folder(['doc', '1.4.0'], ['only.old', '1'])] });
    const next = await cluster.startNode('next', { handlerDirs: [await folder(['doc', '1.5.0'], ['only.new', '1'])] });
    const troupe = old.client();
    await cluster.waitFor(
      'both versions are known',
      async () => {
        const { jobId } = await troupe.submit('doc', { ledger }, { handlerVersion: '1.5.0' });
        return (await troupe.get(jobId)).handler === 'doc';
      },
      30_000,
    );
    const cases = [
      ['only.old', undefined, 'old', '1'],
      ['only.new', undefined, 'next', '1'],
      ['doc', '1.4.0', 'old', '1.4.0'],
      ['doc', '1.5.0', 'next', '1.5.0'],
      ['doc', '>=1.5', 'next', '1.5.0'],
      ['doc', '>=1.4', undefined, undefined],
      ['doc', undefined, undefined, undefined],
    ] as const;
    const load = startLoad({
      clients: [old.client(), next.client()],
      history: new History(),
      lanes: 4,
      gapMs: 5,
      draft: (n) => {
        const [handler, handlerVersion] = cases[n % cases.length] ?? cases[0];
        return { handler, input: { ledger }, ...(handlerVersion !== undefined && { handlerVersion }) };
      },
    });
    await cluster.waitFor('enough of them', () => load.accepted >= 300, 40_000);
    await load.stop();
    const jobs = await load.settle([troupe], 40_000);
    expect(load.surprises).toEqual([]);
    const pids = new Map([...old.children()].map((pid) => [pid, 'old']));
    for (const pid of next.children()) pids.set(pid, 'next');
    const nodeOf = new Map(readLedger(ledger).map(({ jobId, pid }) => [jobId, pids.get(pid)]));
    for (const job of jobs) {
      expect(job).toMatchObject({ state: 'SUCCEEDED', attempt: 1, failures: 0, losses: 0 });
      const wanted = cases.find(([handler, version]) => handler === job.handler && version === job.handlerVersion);
      if (wanted?.[2] === undefined) continue;
      expect([job.handler, job.handlerVersion, nodeOf.get(job.id)]).toEqual([wanted[0], wanted[1], wanted[2]]);
      expect(job.output).toEqual({ version: wanted[3] });
    }
    // One for the queue, one for each need that not everybody meets: five of them.
    expect(await consumers()).toBeLessThanOrEqual(6);
  });

  it('what no live node has waits, is seen to wait, and runs as soon as a node has it; queue_timeout ends it', async () => {
    const a = await cluster.startNode('a', { handlerDirs: [await folder(['doc', '1.0.0'])] });
    const b = await cluster.startNode('b', { handlerDirs: [await folder(['doc', '2.0.0'])] });
    const troupe = a.client();
    const known = await cluster.waitFor(
      'the new version is known',
      () => troupe.submit('doc', { ledger }, { handlerVersion: '2.0.0' }),
      30_000,
    );
    expect((await ended(troupe, known.jobId)).output).toEqual({ version: '2.0.0' });
    expect(await b.stop()).toBe(0);
    const { jobId } = await troupe.submit('doc', { ledger }, { handlerVersion: '>=2' });
    const short = await troupe.submit('doc', { ledger }, { handlerVersion: '>=2', queueTimeoutMs: 1_500 });
    const any = await troupe.submit('doc', { ledger });
    expect(await ended(troupe, any.jobId)).toMatchObject({ state: 'SUCCEEDED', output: { version: '1.0.0' } });
    await cluster.waitFor('it is said', () => a.lines.some(({ event }) => event === 'handler.missing'), 30_000);
    const unserved = /troupe_jobs_unserved\{[^}]*handler="doc"[^}]*version=">=2"[^}]*\} (\d+)/;
    await cluster.waitFor('it is measured', async () => Number(await metric(a, unserved)) > 0, 30_000);
    expect((await ended(troupe, short.jobId)).state).toBe('EXPIRED');
    expect(await troupe.get(jobId)).toMatchObject({ state: 'QUEUED', attempt: 0, seq: 1 });
    expect(a.lines.filter(({ event }) => event === 'handler.missing')).toHaveLength(1);
    await cluster.restartNode(b);
    expect(await ended(troupe, jobId)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, output: { version: '2.0.0' } });
    await cluster.waitFor('nothing waits unserved', async () => (await metric(a, unserved)) === undefined, 30_000);
  });

  it('an input is checked by the newest live version, and runs only on versions that accept it', async () => {
    const a = await cluster.startNode('a', { handlerDirs: [await folder(['doc', '1.0.0', strict])] });
    const b = await cluster.startNode('b', { handlerDirs: [await folder(['doc', '2.0.0', open])] });
    const troupe = a.client();
    // Version 1 wants a page: version 2 does not.
    const first = await cluster.waitFor('2.0.0 speaks', () => troupe.submit('doc', { ledger }), 30_000);
    const all = [first, ...(await Promise.all(Array.from({ length: 20 }, () => troupe.submit('doc', { ledger }))))];
    for (const { jobId } of all) {
      expect(await ended(troupe, jobId)).toMatchObject({
        state: 'SUCCEEDED',
        attempt: 1,
        failures: 0,
        handlerVersion: '>=2.0.0',
        output: { version: '2.0.0' },
      });
    }
    const both = await troupe.submit('doc', { ledger, page: 1 });
    expect((await ended(troupe, both.jobId)).handlerVersion).toBeUndefined();
    await expect(troupe.submit('doc', { ledger }, { handlerVersion: '1.0.0' })).rejects.toMatchObject({
      code: 'INVALID_JOB_SPEC',
    });
    expect(await b.stop()).toBe(0);
    await cluster.waitFor(
      'version 1 alone speaks',
      () =>
        troupe.submit('doc', { ledger }).then(
          () => false,
          () => true,
        ),
      30_000,
    );
  });
});
