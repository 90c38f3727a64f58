/** A seeded bug, and how one changes the ports that a node is built on. */
import type { Publisher } from '../../../src/application/ports/bus.ts';
import type { JobStore } from '../../../src/application/ports/job-store.ts';
import type { ShardHandler } from '../../../src/application/ports/shard-link.ts';
import type { SubmitItem } from '../../../src/application/protocol/shard-protocol.ts';
import type { Cluster } from './cluster.ts';
import type { FaultKind } from './nemesis.ts';
import type { NodePorts } from './sim-node.ts';
import type { RareLoad, Scenario } from './simulation.ts';

export type Change = (cluster: Cluster, ports: NodePorts) => void;

export interface Mutation {
  /** Promises of which at least one must be found broken. */
  readonly breaks: readonly number[];
  /** By one of the seeds from 1 to here. */
  readonly within: number;
  /** Where it shows only in some kinds of faults: these and no others, on a cluster that has more work than threads. */
  readonly faults?: readonly FaultKind[];
  /** Where it shows only in one kind of run. */
  readonly scenario?: Scenario['kind'];
  /** Where it shows only to one kind of rare load. */
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

/** A moment that all the bus has ever confirmed lies far behind. */
export function writtenAtOnce(_publisher: Publisher, { host }: NodePorts): Partial<Publisher> {
  return { soundAtMs: () => host.clock.monotonicMs() + 60_000 };
}

/** Every message is said to be there. */
export function believe(): Partial<Publisher> {
  return { workStanding: (routes) => Promise.resolve({ last: 0, firsts: routes.map(() => 0) }) };
}
