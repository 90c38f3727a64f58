/**
 * A cluster in which a test holds open the gaps between two steps of a job, always from outside and never by code in
 * the processes: a proxy keeps back messages, a lock blocks the database file, a process is stopped. Durable state is
 * read from the file itself.
 */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { JobOptions, JobInfo, TroupeClient } from '../../src/client/index.ts';
import { startCluster, type TestCluster, type TestNode } from './cluster.ts';
import { type EventSubscriber, subscribeDurable } from './cluster-events.ts';
import { History, readLedger } from './cluster-history.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { openStoreView, type StoreView } from './fault-store.ts';

type Role = 'gateway' | 'shards' | 'workers';

export class GapCluster {
  readonly cluster: TestCluster;
  readonly proxy: FaultProxy;
  readonly history = new History();
  readonly ledger: string;
  readonly gate: string;
  #events: EventSubscriber | undefined;
  readonly #views: StoreView[] = [];

  private constructor(cluster: TestCluster, proxy: FaultProxy) {
    this.cluster = cluster;
    this.proxy = proxy;
    this.ledger = join(cluster.dir, 'runs.ledger');
    this.gate = join(cluster.dir, 'open.gate');
  }

  static async start(): Promise<GapCluster> {
    const cluster = await startCluster();
    return new GapCluster(cluster, await startFaultProxy(`127.0.0.1:${cluster.broker.port}`));
  }

  /** The events that a durable subscriber has received. */
  get events(): EventSubscriber {
    if (this.#events === undefined) throw new Error('no node was started');
    return this.#events;
  }

  /** Starts all roles in one process, behind the proxy. */
  async alone(): Promise<{ readonly node: TestNode; readonly troupe: TroupeClient; readonly view: StoreView }> {
    const node = await this.cluster.startNode('one', { nats: this.proxy.address });
    await this.#audit();
    return { node, troupe: node.client({ retry: { maxAttempts: 1 } }), view: this.#store() };
  }

  /** Starts one process per role. Only `behind` communicates through the proxy. */
  async apart(behind: Role): Promise<
    Readonly<Record<Role, TestNode>> & {
      readonly troupe: TroupeClient;
      readonly view: StoreView;
    }
  > {
    const start = (role: Role): Promise<TestNode> =>
      this.cluster.startNode(role, { roles: [role], ...(role === behind && { nats: this.proxy.address }) });
    const shards = await start('shards');
    const workers = await start('workers');
    const gateway = await start('gateway');
    await this.#audit();
    const troupe = gateway.client({ retry: { maxAttempts: 1 } });
    return { gateway, shards, workers, troupe, view: this.#store() };
  }

  async submit(
    troupe: TroupeClient,
    handler: string,
    input: unknown,
    key: string,
    more: JobOptions = {},
  ): Promise<string> {
    const { jobId } = await troupe.submit(handler, input, { idempotencyKey: key, ...more });
    this.history.accepted(jobId, key);
    return jobId;
  }

  /** Retries under the same key until the submit is answered. */
  submitUntilAccepted(troupe: TroupeClient, handler: string, input: unknown, key: string): Promise<string> {
    return this.cluster.waitFor('the submit is answered', () => this.submit(troupe, handler, input, key), 30_000);
  }

  /** Waits for the end of the job, then checks that all observers agree and that the history is consistent. */
  async endsOnce(troupe: TroupeClient, jobId: string, state: JobInfo['state']): Promise<JobInfo> {
    const { events, history } = this;
    const job = await troupe.wait(jobId, { signal: AbortSignal.timeout(60_000) });
    history.saw('get', job);
    expect(job.state).toBe(state);
    await this.cluster.waitFor('all its events', () => events.ofJob(jobId).some(({ seq }) => seq === job.seq), 15_000);
    history.saw('final', await troupe.get(jobId));
    expect(history.check({ events: events.events, executions: readLedger(this.ledger) })).toEqual([]);
    return job;
  }

  starts(jobId: string): number {
    return readLedger(this.ledger).filter((run) => run.jobId === jobId && run.what === 'start').length;
  }

  ends(jobId: string): number {
    return readLedger(this.ledger).filter((run) => run.jobId === jobId && run.what === 'end').length;
  }

  async stop(): Promise<void> {
    for (const view of this.#views) {
      view.unlock();
      view.close();
    }
    await this.#events?.close();
    await this.proxy.close();
    await this.cluster.stop();
  }

  #store(): StoreView {
    const view = openStoreView(this.cluster.sqlitePath);
    this.#views.push(view);
    return view;
  }

  async #audit(): Promise<void> {
    this.#events = await subscribeDurable(this.cluster.broker.url, this.cluster.root, 'auditor');
  }
}
