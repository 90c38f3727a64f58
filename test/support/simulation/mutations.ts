/**
 * Seeded bugs. Each breaks one rule of the cluster by changing the ports on which a node is built, and the checks must
 * detect it. The bugs exist only in the tests; the code under test does not know of them.
 */
import { jobEventOf } from '../../../src/application/jobs/job-events.ts';
import type { RecoveredPage } from '../../../src/application/ports/job-store.ts';
import type { PoolEvent } from '../../../src/application/ports/run-pool.ts';
import type {
  QuotaItem,
  QuotaResult,
  ClaimItem,
  ReportItem,
  LimitUseItem,
  RescheduleItem,
  SubmitItem,
} from '../../../src/application/ports/shard-protocol.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { coldMutations } from './cold-mutations.ts';
import { eraseMutations } from './erase-mutations.ts';
import { listMutations } from './list-mutations.ts';
import { logMutations } from './log-mutations.ts';
import { messageMutations } from './message-mutations.ts';
import {
  believe,
  keyless,
  type Mutation,
  onHandler,
  onPublisher,
  onStore,
  onSubmits,
  writtenAtOnce,
} from './mutation.ts';
import { passOn } from './pool-model.ts';
import { queueMutations } from './queue-mutations.ts';
import { changedPages, wholeRecords, withoutRequestKey, withoutUniqueKey } from './recovered-pages.ts';
import { spanMutations } from './span-mutations.ts';
import { submitMutations } from './submit-mutations.ts';
import { tenantMutations } from './tenant-mutations.ts';
import { quotaMutations } from './quota-mutations.ts';
import { watchMutations } from './watch-mutations.ts';

export const mutations: Readonly<Record<string, Mutation>> = {
  ...coldMutations,
  ...eraseMutations,
  ...listMutations,
  ...logMutations,
  ...messageMutations,
  ...queueMutations,
  ...spanMutations,
  ...submitMutations,
  ...tenantMutations,
  ...quotaMutations,
  ...watchMutations,
  'the home of a limit gives out twice as much': {
    breaks: [10],
    within: 40,
    change: onHandler((handler) => async (verb, items) => {
      const results = await handler(verb, items);
      if (verb !== 'leaseQuota') return results;
      return results.map((result) => {
        if (!('ok' in result)) return result;
        const { lease: lease, epoch } = result.ok as QuotaResult;
        return { ok: { lease: { ...lease, running: 2 * (lease.running ?? 0) }, epoch } };
      });
    }),
  },
  'a shard does not tell a new home of a limit what it uses': {
    breaks: [9],
    within: 20,
    scenario: 'one crash',
    change: onHandler((handler) => (verb, items) => {
      const isAsked = verb === 'limitUse' && items.some((item) => (item as LimitUseItem).epoch > 1);
      return isAsked ? Promise.reject(new TroupeError('SHARD_UNAVAILABLE')) : handler(verb, items);
    }),
  },
  'a question about a limit that comes late counts': {
    breaks: [10],
    within: 60,
    faults: [],
    // Each question is repeated late. The order of the questions normally makes that harmless.
    change: onHandler((handler, _cluster, { host }) => (verb, items) => {
      if (verb !== 'leaseQuota') return handler(verb, items);
      const asked = (items as readonly QuotaItem[]).map(({ order: _order, ...item }) => item);
      host.clock.setTimer(host.random() * 1_000, () => void handler(verb, asked).catch(() => undefined));
      return handler(verb, asked);
    }),
  },
  'an attempt is not given what was saved': {
    breaks: [1],
    within: 40,
    change: onHandler((handler) => async (verb, items) => {
      const results = await handler(verb, items);
      if (verb !== 'claim') return results;
      return results.map((result) => {
        if (!('ok' in result) || !('checkpoint' in result.ok)) return result;
        const { checkpoint: _checkpoint, ...grant } = result.ok;
        return { ok: grant };
      });
    }),
  },
  'a checkpoint is called saved and is not': {
    breaks: [1],
    within: 40,
    change: onHandler((handler) => (verb, items) => {
      if (verb !== 'checkpoint') return handler(verb, items);
      return Promise.resolve(items.map(() => ({ ok: { kind: 'recorded' } })) as never);
    }),
  },
  'a commit is acknowledged before it is written': {
    breaks: [1, 6, 7],
    within: 5,
    change: onStore((jobs) => ({
      async commit(group) {
        jobs.commit(group).catch(() => undefined);
        return 'applied';
      },
    })),
  },
  'a commit of unknown outcome is taken for written': {
    breaks: [1, 6, 7],
    within: 60,
    change: onStore((jobs) => ({
      commit: (group) =>
        jobs.commit(group).catch((error: unknown) => {
          if (error instanceof TroupeError && error.code === 'OUTCOME_UNKNOWN') return 'applied';
          throw error;
        }),
    })),
  },
  'the epoch of a commit is not checked': {
    breaks: [2],
    within: 100,
    faults: ['pause', 'cut from bus'],
    change: onStore((jobs, { data }) => ({
      async commit(group) {
        const outcome = await jobs.commit(group);
        if (outcome === 'deposed') data.write(group);
        return 'applied';
      },
    })),
  },
  'a partition is read before it is fenced': {
    breaks: [1, 2, 6],
    within: 300,
    faults: ['cut from bus', 'store weather'],
    change: onStore((jobs, _cluster, { host }) => {
      const early = new Map<string, readonly RecoveredPage[]>();
      const keyOf = ({ shard, bucket }: { readonly shard: number; readonly bucket: number }): string =>
        `${shard}/${bucket}`;
      return {
        async openBucket(partition, epoch) {
          const pages: RecoveredPage[] = [];
          for await (const page of jobs.readBucket(partition, () => wholeRecords)) pages.push(page);
          early.set(keyOf(partition), pages);
          // Long enough that the former owner does something meanwhile.
          await new Promise<void>((resolve) => host.clock.setTimer(300, resolve));
          return jobs.openBucket(partition, epoch);
        },
        async *readBucket(partition) {
          yield* early.get(keyOf(partition)) ?? [];
        },
      };
    }),
  },
  'a recovery forgets the oldest partition': {
    breaks: [2],
    within: 20,
    change: onStore((jobs) => ({
      openBuckets: async (shard) => (await jobs.openBuckets(shard)).slice(1),
    })),
  },
  'a partition is sealed while jobs are in it': {
    breaks: [2],
    within: 20,
    change: onStore((jobs) => ({
      async openBucket(partition, epoch) {
        const opened = await jobs.openBucket(partition, epoch);
        await jobs.sealBucket(partition, epoch);
        return opened;
      },
    })),
  },
  'the watermark runs ahead': {
    breaks: [2, 6],
    within: 60,
    change: onStore((jobs) => ({
      saveWatermark: (shard, epoch, watermark) => {
        const aheadMs = 60_000;
        return jobs.saveWatermark(shard, epoch, {
          ...watermark,
          dispatchedThroughMs: watermark.dispatchedThroughMs + aheadMs,
          eventsThroughMs: watermark.eventsThroughMs + aheadMs,
        });
      },
    })),
  },
  'jobs are read from a stale replica': {
    breaks: [7],
    within: 40,
    change: onStore((jobs, { records }) => ({
      async findJob(id) {
        const record = await jobs.findJob(id);
        return record && (records.version(id, record.seq - 1) ?? records.version(id, record.seq - 2) ?? record);
      },
    })),
  },
  'a job that may begin once is handed out again when it was lost': {
    breaks: [3],
    within: 60,
    change: onSubmits((item) => withMaxLosses(item, undefined)),
  },
  'a job that may begin once begins before that is on record': {
    breaks: [3],
    within: 400,
    firstTried: 196,
    // The job is lost for good at its first loss, as before, but its claim is answered at once, like that of any job.
    change: onSubmits((item) => withMaxLosses(item, -1)),
  },
  'a token is not checked': {
    breaks: [3],
    within: 200,
    firstTried: 112,
    faults: ['pause', 'crash'],
    change: onHandler((handler, { records }) => {
      const granted = new Map<string, string>();
      return async (verb, items) => {
        const forged =
          verb === 'report'
            ? items.map((item) => {
                const { jobId } = item as ReportItem;
                const token = granted.get(jobId) ?? records.newest(jobId)?.run?.token;
                return token === undefined ? item : { ...item, token };
              })
            : items;
        const results = await handler(verb, forged);
        results.forEach((result, index) => {
          if ('ok' in result && 'token' in result.ok) granted.set((items[index] as ClaimItem).jobId, result.ok.token);
        });
        return results;
      };
    }),
  },
  'idempotency keys are not looked at': {
    breaks: [4],
    within: 20,
    change: onSubmits(keyless),
  },
  'a recovery forgets the keys of jobs': {
    breaks: [4],
    within: 60,
    change: onStore((jobs) => ({
      readBucket: (partition, terms) => changedPages(jobs.readBucket(partition, terms), withoutRequestKey),
    })),
  },
  'a recovery forgets the unique keys of jobs': {
    breaks: [4],
    within: 60,
    change: onStore((jobs) => ({
      readBucket: (partition, terms) => changedPages(jobs.readBucket(partition, terms), withoutUniqueKey),
    })),
  },
  'a job is not moved to a later time': {
    breaks: [9],
    within: 60,
    change: onHandler((handler, { records }) => async (verb, items) => {
      if (verb !== 'reschedule') return handler(verb, items);
      return items.map((item) => ({ ok: { record: records.newest((item as RescheduleItem).jobId) } })) as never;
    }),
  },
  'the start time of a job is ignored': {
    breaks: [9],
    within: 20,
    change: onSubmits(({ spec: { runAtMs: _runAtMs, ...early }, ...rest }) => ({ ...rest, spec: early })),
  },
  'time goes at the pace of the wall clock': {
    breaks: [9],
    within: 40,
    faults: ['clock step'],
    change: (_cluster, { host }) => {
      const monotonicMs = (): number => host.timeline.nowMs + host.steppedMs;
      Object.assign(host, { clock: { ...host.clock, monotonicMs } });
    },
  },
  'events are told before the commit': {
    breaks: [6],
    within: 5,
    change: (cluster, ports) => {
      const { publisher } = ports.bus;
      onStore((jobs) => ({
        commit(group) {
          for (const record of group.records) {
            for (const entry of record.trail) publisher.publishEvent(jobEventOf(record, entry)).catch(() => undefined);
          }
          return jobs.commit(group);
        },
      }))(cluster, ports);
    },
  },
  'an event does not wait for the one before it': {
    breaks: [6],
    within: 5,
    change: (_cluster, ports) => {
      const { publisher } = ports.bus;
      const { clock, random } = ports.host;
      const send = (event: Parameters<typeof publisher.publishEvent>[0]): void => {
        clock.setTimer(random() * 300, () => {
          publisher.publishEvent(event).catch(() => {
            send(event);
          });
        });
      };
      ports.bus = {
        ...ports.bus,
        publisher: {
          ...publisher,
          async publishEvent(event) {
            send(event);
          },
        },
      };
    },
  },
  'a lost event is not repeated': {
    breaks: [6],
    within: 60,
    change: (_cluster, ports) => {
      const { publisher } = ports.bus;
      ports.bus = {
        ...ports.bus,
        publisher: { ...publisher, publishEvent: (event) => publisher.publishEvent(event).catch(() => undefined) },
      };
    },
  },
  'what a power cut took from the bus is not told again': {
    breaks: [6],
    within: 60,
    faults: ['bus power cut'],
    change: onPublisher(() => ({ onDoubt: () => () => undefined })),
  },
  'what the bus confirmed counts as written at once': {
    breaks: [2, 6],
    within: 200,
    faults: ['bus power cut', 'crash'],
    change: onPublisher(writtenAtOnce),
  },
  'nobody looks whether work is still in the stream': {
    breaks: [2],
    within: 60,
    faults: ['purged work'],
    change: onPublisher(believe),
  },
  'a lease counts for longer than it lasts': {
    breaks: [7],
    within: 800,
    firstTried: 521,
    faults: ['cut from bus', 'pause'],
    change: (_cluster, ports) => {
      const { leases } = ports.bus;
      ports.bus = {
        ...ports.bus,
        leases: {
          ttlMs: leases.ttlMs * 10,
          acquire: (shard, holder, incarnation) => leases.acquire(shard, holder, incarnation),
          renew: (hold) => leases.renew(hold),
          release: (hold) => leases.release(hold),
          holders: () => leases.holders(),
          onChange: (listener) => leases.onChange(listener),
        },
      };
    },
  },
  'a run is called stopped while its code goes on': {
    breaks: [5],
    within: 20,
    change: (_cluster, ports) => {
      const { pool } = ports;
      let emit: (event: PoolEvent) => void = () => undefined;
      ports.pool = {
        ...passOn(pool),
        start(given) {
          emit = given;
          return pool.start(given);
        },
        cancel: (runId) => {
          emit({ kind: 'ended', runId, outcome: { kind: 'stopped' }, durationMs: 1 });
        },
      };
    },
  },
  'a node takes more runs than it has room for': {
    breaks: [10],
    within: 40,
    change: (_cluster, ports) => {
      const { pool } = ports;
      ports.pool = { ...passOn(pool), capacity: () => pool.capacity() + 2 };
    },
  },
};

function withMaxLosses(item: SubmitItem, maxLosses: number | undefined): SubmitItem {
  const { maxLosses: asked, ...retry } = item.spec.retry;
  if (asked === undefined) return item;
  return { ...item, spec: { ...item.spec, retry: { ...retry, ...(maxLosses !== undefined && { maxLosses }) } } };
}
