/**
 * Queues, and notes of their removal. AUTOINCREMENT issues each queue number only once, even after its queue was deleted.
 * Every change is one write transaction, so reading the row and changing it cannot be interleaved with another writer.
 */
import type { DatabaseSync } from 'node:sqlite';
import { invariant } from '../../../domain/errors.ts';
import { maxQueueNo } from '../../../domain/job-id.ts';
import type { Queue, QueueClosing, QueueSettings } from '../../../domain/queue.ts';
import { closedKeptMs, type QueueStore } from '../../../application/ports/queue-store.ts';

type Created = Awaited<ReturnType<QueueStore['createQueue']>>;
type Updated = Awaited<ReturnType<QueueStore['updateQueue']>>;
type Removed = Awaited<ReturnType<QueueStore['removeQueue']>>;

interface QueueRow {
  readonly tenant: string;
  readonly name: string;
  readonly queueNo: number;
  readonly settings: string;
  readonly version: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

const columns = `tenant, name, queue_no AS queueNo, settings, version, created_at AS createdAtMs, updated_at AS updatedAtMs`;

function toQueue(row: unknown): Queue {
  const fields = row as QueueRow;
  return { ...fields, settings: JSON.parse(fields.settings) as QueueSettings };
}

/** The note and the queue have different tables, so a note outlives its queue. */
function createRemoval(file: DatabaseSync) {
  const forget = file.prepare('DELETE FROM closed_queues WHERE closed_at <= ?');
  const close = file.prepare(
    'INSERT OR REPLACE INTO closed_queues (queue_no, version, tenant, name, closed_at) VALUES (?, ?, ?, ?, ?)',
  );
  const listClosed = file.prepare(
    'SELECT tenant, name, queue_no AS queueNo, version FROM closed_queues WHERE closed_at > ?',
  );
  const open = file.prepare('DELETE FROM closed_queues WHERE queue_no = ? AND version = ?');
  const remove = file.prepare('DELETE FROM queues WHERE queue_no = ? AND version = ?');
  const present = file.prepare('SELECT 1 FROM queues WHERE queue_no = ?');
  return {
    writes: {
      closeQueue({ queueNo, version, tenant, name }: QueueClosing, nowMs: number): void {
        forget.run(nowMs - closedKeptMs);
        close.run(queueNo, version, tenant, name, nowMs);
      },
      openQueue(queueNo: number, version: number): void {
        open.run(queueNo, version);
      },
      removeQueue(queueNo: number, version: number): Removed {
        // The number never returns, so no other queue of the same name can be hit.
        if (remove.run(queueNo, version).changes > 0) return 'removed';
        return present.get(queueNo) === undefined ? 'missing' : 'conflict';
      },
    },
    reads: {
      closedQueues: (nowMs: number): readonly QueueClosing[] =>
        listClosed.all(nowMs - closedKeptMs).map((row) => ({ ...(row as unknown as QueueClosing) })),
    },
  };
}

export function createQueueOperations(file: DatabaseSync) {
  const removal = createRemoval(file);
  const insert = file.prepare(
    `INSERT INTO queues (tenant, name, settings, version, created_at, updated_at) VALUES (?, ?, ?, 1, ?, ?) RETURNING ${columns}`,
  );
  const find = file.prepare(`SELECT ${columns} FROM queues WHERE tenant = ? AND name = ?`);
  const listOfTenant = file.prepare(`SELECT ${columns} FROM queues WHERE tenant = ? ORDER BY name`);
  const listAll = file.prepare(`SELECT ${columns} FROM queues ORDER BY tenant, name`);
  const update = file.prepare(
    `UPDATE queues SET settings = ?, version = version + 1, updated_at = ?
     WHERE tenant = ? AND name = ? AND version = ? RETURNING ${columns}`,
  );
  const writes = {
    createQueue({ tenant, name, settings, nowMs }: Parameters<QueueStore['createQueue']>[0]): Created {
      const taken = find.get(tenant, name);
      if (taken !== undefined) return { outcome: 'exists', queue: toQueue(taken) };
      const queue = toQueue(insert.get(tenant, name, JSON.stringify(settings), nowMs, nowMs));
      invariant(queue.queueNo <= maxQueueNo, 'a queue number fits 20 bits');
      return { outcome: 'created', queue };
    },
    updateQueue(change: Parameters<QueueStore['updateQueue']>[0]): Updated {
      const { tenant, name, settings, expectedVersion, nowMs } = change;
      const row = update.get(JSON.stringify(settings), nowMs, tenant, name, expectedVersion);
      if (row !== undefined) return { outcome: 'updated', queue: toQueue(row) };
      const present = find.get(tenant, name);
      if (present === undefined) return { outcome: 'missing' };
      return { outcome: 'conflict', queue: toQueue(present) };
    },
    ...removal.writes,
  };
  const reads = {
    findQueue(tenant: string, name: string): Queue | undefined {
      const row = find.get(tenant, name);
      return row === undefined ? undefined : toQueue(row);
    },
    listQueues: (tenant: string | undefined): readonly Queue[] =>
      (tenant === undefined ? listAll.all() : listOfTenant.all(tenant)).map(toQueue),
    ...removal.reads,
  };
  return { writes, reads };
}
