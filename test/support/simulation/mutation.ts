/** A seeded bug, and helpers to change the ports on which a node is built. */
import type { Publisher } from '../../../src/application/ports/bus.ts';
import type { JobStore } from '../../../src/application/ports/job-store.ts';
import type { ShardHandler } from '../../../src/application/ports/shard-link.ts';
import type { SubmitItem } from '../../../src/application/ports/shard-protocol.ts';
import type { Cluster } from './cluster.ts';
import type { FaultKind } from './nemesis.ts';
import type { NodePorts } from './sim-node.ts';
import type { RareLoad, Scenario } from './simulation.ts';

export type Change = (cluster: Cluster, ports: NodePorts) => void;

export interface Mutation {
  /** Promises of which at least one must be found broken. */
  readonly breaks: readonly number[];
  /** One of the seeds from 1 to this one must find it. */
  readonly within: number;
  /**
   * The seed that found it when this was written, for a bug that few seeds find. It is tried first, then the others. The
   * code has changed since, so another one may find it now.
   */
  readonly firstTried?: number;
  /**
   * For a bug that only some kinds of faults reveal: only these are injected, into a cluster with more work than
   * threads.
   */
  readonly faults?: readonly FaultKind[];
  /** For a bug that only one kind of scenario reveals. */
  readonly scenario?: Scenario['kind'];
  /** For a bug that only one kind of rare load reveals. */
  readonly load?: RareLoad;
  readonly change: Change;
}

export function onStore(change: (jobs: JobStore, cluster: Cluster, ports: NodePorts) => Partial<JobStore>): Change {
  return (cluster, ports) => {
    const { store } = ports;
    ports.store = { ...store, jobs: { ...store.jobs, ...change(store.jobs, cluster, ports) } };
  };
}

export function onPublisher(change: (publisher: Publisher, ports: NodePorts) => Partial<Publisher>): Change {
  return (_cluster, ports) => {
    const { publisher } = ports.bus;
    ports.bus = { ...ports.bus, publisher: { ...publisher, ...change(publisher, ports) } };
  };
}

export function onHandler(change: (handler: ShardHandler, cluster: Cluster, ports: NodePorts) => ShardHandler): Change {
  return (cluster, ports) => {
    const { router } = ports;
    ports.router = {
      ...router,
      serveShard: (shard, handler) => router.serveShard(shard, change(handler, cluster, ports)),
    };
  };
}

export function onSubmits(change: (item: SubmitItem) => SubmitItem): Change {
  return onHandler(
    (handler) => (verb, items) =>
      handler(verb, verb === 'submit' ? items.map((item) => change(item as SubmitItem)) : items),
  );
}

export function keyless({ keyHash: _keyHash, contentHash: _contentHash, ...rest }: SubmitItem): SubmitItem {
  return rest;
}

/** Pretends that everything which the bus has confirmed was written to its disk long ago. */
export function writtenAtOnce(_publisher: Publisher, { host }: NodePorts): Partial<Publisher> {
  return { soundAtMs: () => host.clock.monotonicMs() + 60_000 };
}

/** Pretends that every message is in the stream. */
export function believe(): Partial<Publisher> {
  return { workStanding: (routes) => Promise.resolve({ last: 0, firsts: routes.map(() => 0) }) };
}
