/**
 * Computes the most that the raw limits allow for a workload. A job uses each resource a known number of times: a
 * resource that is used twice per job allows half of its own rate. Times of operations on the same server add up. The
 * slowest resource is the limit. The limit is generous, because it ignores that all resources share the same cores.
 * docs/reference/performance.md explains each number.
 */
import type { PublishedEvents } from '../../src/domain/job.ts';
import type { RawLimits } from './raw-limits.ts';

export interface PathLimit {
  readonly jobsPerSecond: number;
  /** The resource that sets the limit. */
  readonly resource: string;
  readonly resources: Readonly<Record<string, number>>;
}

/** Uses of an operation per job, and its rate per second. */
interface Use {
  readonly perJob: number;
  readonly perSecond: number;
}

type Path = Readonly<Record<string, readonly Use[]>>;

export type ThroughputName = 'W1' | 'W2' | 'W3';

/** `events`: which ones a job publishes, see `PublishedEvents` of a queue. */
export function pathLimit(name: ThroughputName, limits: RawLimits, events: PublishedEvents): PathLimit {
  const resources = Object.fromEntries(
    Object.entries(pathOf(name, limits, events)).map(([resource, uses]) => [resource, jobsPerSecond(uses)]),
  );
  const [resource = '', slowest = Number.NaN] = Object.entries(resources).sort(([, a], [, b]) => a - b)[0] ?? [];
  return { jobsPerSecond: slowest, resource, resources };
}

function jobsPerSecond(uses: readonly Use[]): number {
  return 1 / uses.reduce((seconds, { perJob, perSecond }) => seconds + perJob / perSecond, 0);
}

function pathOf(name: ThroughputName, { jetstream, store, grpc, piscina }: RawLimits, events: PublishedEvents): Path {
  const work = Math.max(jetstream.workSingly.median, jetstream.workBatches.median);
  const event = Math.max(jetstream.eventSingly.median, jetstream.eventBatches.median);
  const rows = Math.max(store.groupsOf200.median, store.groupsOf200ByFour.median);
  const publishAll = events === 'all';
  // No thread is free, so beyond a window of each shard no job has a work message yet.
  const publishAccepted = [{ perJob: publishAll ? 1 : 0, perSecond: event }];
  switch (name) {
    case 'W1':
      return {
        JetStream: publishAccepted,
        // 64 callers fill one group of about this size at a time.
        store: [{ perJob: 1, perSecond: store.groupsOf50.median }],
        gRPC: [{ perJob: 1, perSecond: grpc.itemsBy64.median }],
      };
    case 'W2':
      return {
        JetStream: publishAccepted,
        store: [{ perJob: 1, perSecond: rows }],
        gRPC: [{ perJob: 1, perSecond: grpc.itemsBy500.median }],
      };
    case 'W3':
      return {
        // The work message is published, pulled and acknowledged. The events are `started` and `succeeded`.
        JetStream: [
          { perJob: 1, perSecond: work },
          { perJob: publishAll ? 2 : 1, perSecond: event },
          { perJob: 1, perSecond: jetstream.pullAndAck.median },
        ],
        store: [{ perJob: 2, perSecond: rows }],
        Piscina: [{ perJob: 1, perSecond: piscina.tasks.median }],
      };
  }
}
