/**
 * What the raw limits allow a workload at most. A job uses each resource a known number of times, so a resource that is
 * used twice a job allows half of what it does alone; operations on one server share it, so their times add up. The
 * slowest resource is the limit. That all of them share the same cores is not taken into account: the limit is generous.
 * The reasoning, number by number, is in docs/reference/performance.md.
 */
import type { RawLimits } from './raw-limits.ts';

export interface PathLimit {
  readonly jobsPerSecond: number;
  /** The resource that sets it. */
  readonly resource: string;
  readonly resources: Readonly<Record<string, number>>;
}

/** How often a job does it, and how often it can be done in a second. */
interface Use {
  readonly perJob: number;
  readonly perSecond: number;
}

type Path = Readonly<Record<string, readonly Use[]>>;

export type ThroughputName = 'W1' | 'W2' | 'W3';

export function pathLimit(name: ThroughputName, limits: RawLimits): PathLimit {
  const resources = Object.fromEntries(
    Object.entries(pathOf(name, limits)).map(([resource, uses]) => [resource, jobsPerSecond(uses)]),
  );
  const [resource = '', slowest = Number.NaN] = Object.entries(resources).sort(([, a], [, b]) => a - b)[0] ?? [];
  return { jobsPerSecond: slowest, resource, resources };
}

function jobsPerSecond(uses: readonly Use[]): number {
  return 1 / uses.reduce((seconds, { perJob, perSecond }) => seconds + perJob / perSecond, 0);
}

function pathOf(name: ThroughputName, { jetstream, store, grpc, piscina }: RawLimits): Path {
  const work = Math.max(jetstream.workSingly.median, jetstream.workBatches.median);
  const event = Math.max(jetstream.eventSingly.median, jetstream.eventBatches.median);
  const rows = Math.max(store.groupsOf200.median, store.groupsOf200ByFour.median);
  const publishAccepted = [
    { perJob: 1, perSecond: work },
    { perJob: 1, perSecond: event },
  ];
  switch (name) {
    case 'W1':
      return {
        JetStream: publishAccepted,
        // 64 callers fill one group of about that many at a time.
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
        // Started and succeeded are published; the work message is pulled and acknowledged.
        JetStream: [
          { perJob: 2, perSecond: event },
          { perJob: 1, perSecond: jetstream.pullAndAck.median },
        ],
        store: [{ perJob: 2, perSecond: rows }],
        Piscina: [{ perJob: 1, perSecond: piscina.tasks.median }],
      };
  }
}
