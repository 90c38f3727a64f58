/** `QueueStore` on Cassandra. One conditional batch issues a name together with its number. */
import { randomUUID } from 'node:crypto';
import { types } from 'cassandra-driver';
import { TroupeError } from '../../domain/errors.ts';
import { maxQueueNo } from '../../domain/job-id.ts';
import type { Queue, QueueClosing, QueueSettings } from '../../domain/queue.ts';
import { closedKeptMs, type QueueStore } from '../../application/ports/queue-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { CqlClient } from './cql-client.ts';
import type { CqlStatement } from './tables/cql-statement.ts';
import * as closed from './tables/closed-queues.ts';
import * as queues from './tables/queues.ts';
import { createTurns } from './turns.ts';
import { repeatUndecided } from './undecided.ts';

function toQueue(row: queues.QueueRow): Queue {
  return {
    tenant: row.tenant,
    name: row.name,
    queueNo: row.queue_no,
    settings: JSON.parse(row.settings) as QueueSettings,
    version: row.version,
    createdAtMs: Number(row.created_at),
    updatedAtMs: Number(row.updated_at),
  };
}

/**
 * Reads serially, then issues the next number together with the name. A rival that takes either makes the batch fail,
 * and the attempt is repeated.
 */
function createQueueCreation(client: CqlClient, clock: Clock): QueueStore['createQueue'] {
  // All numbers are issued in one row.
  const inTurn = createTurns(clock);
  return ({ tenant, name, settings, nowMs }) => {
    // Distinguishes this call's own creation, whose answer was lost, from that of a rival.
    const creator = types.Uuid.fromString(randomUUID());
    const attempt = async () => {
      const present = (await client.rows(queues.readQueueSerially, [tenant, name])).at(0);
      if (present !== undefined) {
        const own = present.created_by.equals(creator);
        return { outcome: own ? ('created' as const) : ('exists' as const), queue: toQueue(present) };
      }
      const last = (await client.rows(queues.readLastQueueNo, [])).at(0);
      const lastNo = last?.last_queue_no ?? null;
      const queueNo = (lastNo ?? 0) + 1;
      if (queueNo > maxQueueNo) throw new TroupeError('INTERNAL_ERROR', { message: 'all queue numbers are used up' });
      const atMs = BigInt(nowMs);
      const text = JSON.stringify(settings);
      const { applied } = await client.conditionalBatch([
        { statement: queues.issueQueueNo, params: [queueNo, lastNo] },
        { statement: queues.insertQueue, params: [tenant, name, queueNo, text, atMs, atMs, creator] },
      ]);
      if (!applied) return undefined;
      const queue: Queue = { tenant, name, queueNo, settings, version: 1, createdAtMs: nowMs, updatedAtMs: nowMs };
      return { outcome: 'created' as const, queue };
    };
    return inTurn(() => repeatUndecided(clock, attempt));
  };
}

/** Compare-and-set on the version. After an unknown outcome it recognises its own update by its content. */
function createQueueUpdate(client: CqlClient, clock: Clock): QueueStore['updateQueue'] {
  return ({ tenant, name, settings, expectedVersion, nowMs }) => {
    const text = JSON.stringify(settings);
    const version = expectedVersion + 1;
    let undecided = false;
    return repeatUndecided(clock, async () => {
      const present = (await client.rows(queues.readQueueSerially, [tenant, name])).at(0);
      if (present === undefined) return { outcome: 'missing' as const };
      if (present.version !== expectedVersion) {
        // It is this call's own update if an attempt had an unknown outcome and the row has exactly its content.
        const own =
          undecided && present.version === version && present.settings === text && Number(present.updated_at) === nowMs;
        return { outcome: own ? ('updated' as const) : ('conflict' as const), queue: toQueue(present) };
      }
      const params = [text, version, BigInt(nowMs), tenant, name, expectedVersion];
      const { applied } = await client.conditional(queues.replaceSettings, params).catch((error: unknown) => {
        undecided = true;
        throw error;
      });
      if (!applied) return undefined;
      return { outcome: 'updated' as const, queue: { ...toQueue(present), settings, version, updatedAtMs: nowMs } };
    });
  };
}

type QueueRemoval = Pick<QueueStore, 'closeQueue' | 'closedQueues' | 'openQueue' | 'removeQueue'>;

/** Notes of removals, and the removal itself. Notes expire by TTL, so nothing has to delete them. */
function createQueueRemoval(client: CqlClient, clock: Clock): QueueRemoval {
  return {
    async closeQueue({ queueNo, version, tenant, name }) {
      await client.rows(closed.putClosedQueue, [queueNo, version, tenant, name, closedKeptMs / 1_000]);
    },
    async closedQueues() {
      const found: QueueClosing[] = [];
      for await (const page of client.pages(closed.readClosedQueues, [])) {
        found.push(...page.map(({ queue_no: queueNo, version, tenant, name }) => ({ tenant, name, queueNo, version })));
      }
      return found;
    },
    async openQueue({ queueNo, version }) {
      await client.rows(closed.deleteClosedQueue, [queueNo, version]);
    },
    removeQueue({ tenant, name, queueNo, version }) {
      let undecided = false;
      return repeatUndecided(clock, async () => {
        const present = (await client.rows(queues.readQueueSerially, [tenant, name])).at(0);
        // After an unknown outcome, this call itself may have removed the queue. If another call did, the result is the
        // same.
        if (present?.queue_no !== queueNo) return undecided ? 'removed' : 'missing';
        if (present.version !== version) return 'conflict';
        const params = [tenant, name, version, queueNo];
        const { applied } = await client.conditional(queues.removeQueue, params).catch((error: unknown) => {
          undecided = true;
          throw error;
        });
        return applied ? 'removed' : undefined;
      });
    },
  };
}

export function createCassandraQueueStore(client: CqlClient, clock: Clock): QueueStore {
  const list = async (
    statement: CqlStatement<queues.QueueRow>,
    params: readonly unknown[],
  ): Promise<readonly Queue[]> => {
    const found: Queue[] = [];
    for await (const page of client.pages(statement, params)) {
      // A partition in which numbers but no queues were issued appears as one row without a name.
      found.push(...page.filter((row) => (row.name as string | null) !== null).map(toQueue));
    }
    return found;
  };
  return {
    ...createQueueRemoval(client, clock),
    createQueue: createQueueCreation(client, clock),
    updateQueue: createQueueUpdate(client, clock),
    async findQueue(tenant, name) {
      const row = (await client.rows(queues.readQueue, [tenant, name])).at(0);
      return row === undefined ? undefined : toQueue(row);
    },
    listQueues: (tenant) =>
      tenant === undefined ? list(queues.readAllQueues, []) : list(queues.readQueuesOfTenant, [tenant]),
  };
}
