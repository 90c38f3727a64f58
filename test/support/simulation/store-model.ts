/**
 * A client of the modelled store. An operation that takes several round trips with a real ring takes as many here, each
 * over the transport, so that faults and other owners can come in between. It passes the contract suite of the real
 * stores.
 */
import { createHash } from 'node:crypto';
import { recoveredPage } from '../../../src/application/storage/recovered-page.ts';
import { listJobs } from '../../../src/application/storage/job-listing.ts';
import type { AuditStore } from '../../../src/application/ports/audit-store.ts';
import type { DocumentStore } from '../../../src/application/ports/document-store.ts';
import {
  type CommitGroup,
  findJobsMax,
  type JobListPage,
  type RecoveredPage,
  type JobStore,
  keysPutMax,
  type Partition,
  unfinishedListMax,
} from '../../../src/application/ports/job-store.ts';
import { payloadPartBytes, type StoredPayload } from '../../../src/application/ports/payload-store.ts';
import { partsFrom, writeParts } from '../../../src/application/storage/payload-parts.ts';
import type { Clock } from '../../../src/application/ports/runtime.ts';
import type { Store } from '../../../src/application/ports/store.ts';
import { invariant, TroupeError } from '../../../src/domain/errors.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import { keptSlotsMax } from '../../../src/domain/kept-bytes.ts';
import { checkGroup, type StoreData, type WriteStamp } from './store-data.ts';
import type { StoreExtras } from './store-extras.ts';

/** One round trip to the store. */
export type Transport = <T>(name: string, serve: () => T) => Promise<T>;

export interface ModelStoreParts {
  readonly data: StoreData;
  readonly extras: StoreExtras;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly transport: Transport;
}

export function openModelStore(parts: ModelStoreParts): Store {
  let isClosed = false;
  const { extras, clock } = parts;
  const transport: Transport = (name, serve) =>
    isClosed ? Promise.reject(new TroupeError('SHUTTING_DOWN')) : parts.transport(name, serve);
  return {
    kind: 'cassandra',
    schema: { from: 1, to: 1 },
    jobs: createJobs({ ...parts, transport }),
    queues: {
      createQueue: (input) => transport('create queue', () => extras.createQueue(input)),
      findQueue: (tenant, name) => transport('find queue', () => extras.queues.get(`${tenant}/${name}`)),
      listQueues: (tenant) => transport('list queues', () => extras.listQueues(tenant)),
      updateQueue: (input) => transport('update queue', () => extras.updateQueue(input)),
      closeQueue: (closing) =>
        transport('close queue', () => {
          extras.closeQueue(closing);
        }),
      closedQueues: () => transport('closed queues', () => [...extras.closed.values()]),
      openQueue: (closing) =>
        transport('open queue', () => {
          extras.openQueue(closing);
        }),
      removeQueue: (closing) => transport('remove queue', () => extras.removeQueue(closing)),
    },
    documents: createDocuments(extras, transport),
    audit: createAudit(extras, transport, () => clock.nowMs()),
    payloads: {
      async writePayload({ name, expiresAtMs }, source) {
        const parts: Uint8Array[] = [];
        const sentMs = clock.nowMs();
        const whole = await writeParts(source, (part, bytes) =>
          transport('write payload', () => {
            parts[part] = bytes;
            if (part === 0) extras.putPayload({ name, bytes: Buffer.concat(parts), expiresAtMs }, sentMs);
          }),
        );
        return { id: name, ...whole };
      },
      putPayload: (input) => {
        const sentMs = clock.nowMs();
        return transport('put payload', () => {
          extras.putPayload(input, sentMs);
          return input.name;
        });
      },
      getPayload: (id) => transport('get payload', () => extras.payload(id, clock.nowMs())),
      openPayload: (id) => openPayload(() => transport('read payload', () => extras.payload(id, clock.nowMs()))),
      deletePayload: (id) => {
        const sentMs = clock.nowMs();
        return transport('delete payload', () => {
          extras.deletePayload(id, sentMs);
        });
      },
    },
    agreeFacts: (proposal) => transport('agree facts', () => extras.agree(proposal)),
    objectsMark: {
      isNoted: () => transport('look for the mark', () => extras.hasObjectsMark),
      note: () =>
        transport('note the mark', () => {
          extras.hasObjectsMark = true;
        }),
    },
    ping: () => transport('ping', () => undefined),
    async close() {
      isClosed = true;
    },
  };
}

function createAudit({ audit }: StoreExtras, transport: Transport, nowMs: () => number): AuditStore {
  return {
    appendRows: (day, rows, expiresAtMs) => transport('append audit rows', () => audit.append(day, rows, expiresAtMs)),
    readRows: (day, page) => transport('read audit rows', () => audit.read(day, page, nowMs())),
    findRow: (day, position) => transport('find audit row', () => audit.find(day, position, nowMs())),
  };
}

function createDocuments({ documents }: StoreExtras, transport: Transport): DocumentStore {
  return {
    createDocument: (place, body) => transport('create document', () => documents.create(place, body)),
    findDocument: (place) => transport('find document', () => documents.find(place)),
    listDocuments: (scope, page) => transport('list documents', () => documents.list(scope, page)),
    replaceDocument: (place, change) => transport('replace document', () => documents.replace(place, change)),
    removeDocument: (place, { expectedRevision }) =>
      transport('remove document', () => documents.remove(place, expectedRevision)),
  };
}

/** Reads each part separately, as from a real store, so that a payload which disappears meanwhile is noticed. */
async function openPayload(read: () => Promise<Uint8Array | undefined>): Promise<StoredPayload | undefined> {
  const whole = await read();
  if (whole === undefined) return undefined;
  const part = async (number: number): Promise<Uint8Array | undefined> =>
    (await read())?.subarray(number * payloadPartBytes, (number + 1) * payloadPartBytes);
  const sha256 = createHash('sha256').update(whole).digest();
  return { bytes: whole.byteLength, sha256, readFrom: (offset) => partsFrom(offset, whole.byteLength, part) };
}

function createJobs({ data, clock, transport }: ModelStoreParts): JobStore {
  let order = 0;
  const stamp = (epoch: number): WriteStamp => ({ epoch, order: (order += 1) });

  /** An error before the batch has changed nothing that counts. */
  const plainly = async (name: string, write: () => void): Promise<void> => {
    try {
      await transport(name, write);
    } catch (error) {
      throw new TroupeError('STORE_UNAVAILABLE', { cause: error });
    }
  };

  return {
    async takeShard(shard) {
      const epoch = await transport('raise shard', () => data.raiseShard(shard));
      const watermark = await transport('read watermark', () => data.watermark(shard));
      return watermark === undefined ? { epoch } : { epoch, watermark };
    },
    ownsShard: (shard, epoch) => transport('look at owner', () => data.shardEpoch(shard) === epoch),
    saveWatermark: (shard, epoch, watermark) =>
      transport('save watermark', () => {
        data.putWatermark(shard, epoch, watermark);
      }),
    saveKept({ shard, tenant }, epoch, slots) {
      invariant(slots.length <= keptSlotsMax, 'a sum has at most keptSlotsMax instants');
      return transport('save kept', () => {
        data.putKept(shard, tenant, { epoch, slots });
      });
    },
    findKept: ({ shard, tenant }) =>
      transport('find kept', () => data.kept(shard, tenant).filter(([atMs]) => atMs > clock.nowMs())),
    openBuckets: (shard) => transport('open buckets', () => data.openBuckets(shard)),
    async openBucket(partition, epoch) {
      const registered = stamp(epoch);
      await transport('register bucket', () => {
        data.register(partition, registered, true);
      });
      const raised = await transport('raise partition', () => data.raisePartition(partition, epoch));
      if (raised.epoch !== epoch) return { kind: 'deposed' };
      const owner = await transport('look at shard', () => data.shardEpoch(partition.shard));
      return owner > epoch ? { kind: 'deposed' } : { kind: 'opened', commits: raised.commits };
    },
    async *readBucket(partition, terms): AsyncIterable<RecoveredPage> {
      const rows = await transport('read bucket', () => data.rows(partition, clock.nowMs()));
      const records = rows.map(({ record }) => record);
      yield recoveredPage(records, terms());
    },
    listUnfinished(partition, list) {
      invariant(list.ids.length <= unfinishedListMax, 'a list has at most unfinishedListMax jobs');
      return transport('list unfinished', () => {
        data.putList(partition, list);
      });
    },
    findUnfinished: (partition, commits) =>
      transport('find unfinished', () => {
        const list = data.list(partition);
        if (list !== undefined && list.commits > commits) data.dropList(partition);
        return list?.commits === commits ? list.ids : undefined;
      }),
    sealBucket(partition, epoch) {
      const sealed = stamp(epoch);
      return transport('seal bucket', () => {
        data.register(partition, sealed, false);
      });
    },
    async commit(group: CommitGroup) {
      checkGroup(group);
      return transport('commit', () => data.commit(group));
    },
    async putKeys(shard, entries) {
      invariant(entries.length <= keysPutMax, 'at most keysPutMax entries are put at once');
      for (const entry of entries) {
        await plainly('put key', () => {
          data.putKey(shard, entry);
        });
      }
    },
    readCommits: (partition) => transport('read commits', () => data.partition(partition)),
    findKeys: (shard, keyHashes) =>
      transport('find keys', () => {
        const rows = keyHashes.map((keyHash) => data.key(shard, keyHash, clock.nowMs()));
        return new Map(rows.flatMap((row) => (row === undefined ? [] : [[row.keyHash, row]])));
      }),
    findJob: (id) => transport('find job', () => data.job(id, clock.nowMs())),
    async findJobs(partition, ids) {
      invariant(ids.length <= findJobsMax, 'at most findJobsMax jobs are found at once');
      const asked = new Set(ids);
      return transport('find jobs', () =>
        data.rows(partition, clock.nowMs()).flatMap(({ record }) => (asked.has(record.id) ? [record] : [])),
      );
    },
    listJobs: (query) => list(data, transport, query),
  };
}

type Query = Parameters<JobStore['listJobs']>[0];

function list(data: StoreData, transport: Transport, query: Query): Promise<JobListPage> {
  const { queueNo, nowMs } = query;
  const rowsOf = ({ bucket, shard }: Partition): readonly JobRecord[] =>
    data.rows({ shard, bucket }, nowMs).flatMap((row) => (row.queueNo === queueNo ? [row.record] : []));
  const minutes = new Map<number, number[]>();
  for (const partition of data.filled()) {
    if (rowsOf(partition).length === 0) continue;
    minutes.set(partition.bucket, [...(minutes.get(partition.bucket) ?? []), partition.shard]);
  }
  return listJobs(
    {
      async *minutes(order, oldest, newest) {
        const listed = [...minutes].map(([bucket, shards]) => ({ bucket, shards }));
        const within = listed.filter(({ bucket }) => bucket >= oldest && bucket <= newest);
        yield* within.sort((a, b) => (order === 'newest' ? b.bucket - a.bucket : a.bucket - b.bucket));
      },
      rows: (partition, { above, below }, order, limit) =>
        transport('list rows', () =>
          rowsOf(partition)
            .filter(({ id }) => id > above && id < below)
            .sort((a, b) => (a.id < b.id === (order === 'oldest') ? -1 : 1))
            .slice(0, limit),
        ),
    },
    query,
  );
}
