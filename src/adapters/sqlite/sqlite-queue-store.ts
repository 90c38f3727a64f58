/** `QueueStore` on SQLite. AUTOINCREMENT issues each queue number only once, even after its queue was deleted. */
import { invariant } from '../../domain/errors.ts';
import { maxQueueNo } from '../../domain/job-id.ts';
import type { Queue, QueueClosing, QueueSettings } from '../../domain/queue.ts';
import { closedKeptMs, type QueueStore } from '../../application/ports/queue-store.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

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

type QueueRemoval = Pick<QueueStore, 'closeQueue' | 'closedQueues' | 'openQueue' | 'removeQueue'>;

/**
 * Notes of removals, and the removal itself. The note and the queue have different tables, so a note outlives its
 * queue.
 */
function createQueueRemoval(database: SqliteDatabase): QueueRemoval {
  const forget = database.prepare('DELETE FROM closed_queues WHERE closed_at <= ?');
  const close = database.prepare(
    'INSERT OR REPLACE INTO closed_queues (queue_no, version, tenant, name, closed_at) VALUES (?, ?, ?, ?, ?)',
  );
  const listClosed = database.prepare(
    'SELECT tenant, name, queue_no AS queueNo, version FROM closed_queues WHERE closed_at > ?',
  );
  const open = database.prepare('DELETE FROM closed_queues WHERE queue_no = ? AND version = ?');
  const remove = database.prepare('DELETE FROM queues WHERE queue_no = ? AND version = ?');
  const present = database.prepare('SELECT 1 FROM queues WHERE queue_no = ?');
  return {
    async closeQueue({ queueNo, version, tenant, name }, nowMs) {
      await database.write('close_queue', () => {
        forget.run(nowMs - closedKeptMs);
        close.run(queueNo, version, tenant, name, nowMs);
      });
    },
    async closedQueues(nowMs) {
      const rows = await database.read('closed_queues', () => listClosed.all(nowMs - closedKeptMs));
      return rows.map((row) => ({ ...(row as unknown as QueueClosing) }));
    },
    async openQueue({ queueNo, version }) {
      await database.write('open_queue', () => open.run(queueNo, version));
    },
    async removeQueue({ queueNo, version }) {
      return database.write('remove_queue', () => {
        // The number never returns, so no other queue of the same name can be hit.
        if (remove.run(queueNo, version).changes > 0) return 'removed';
        return present.get(queueNo) === undefined ? 'missing' : 'conflict';
      });
    },
  };
}

/**
 * Every change is one write transaction, so reading the row and changing it cannot be interleaved with another writer.
 */
export function createSqliteQueueStore(database: SqliteDatabase): QueueStore {
  const insert = database.prepare(
    `INSERT INTO queues (tenant, name, settings, version, created_at, updated_at) VALUES (?, ?, ?, 1, ?, ?) RETURNING ${columns}`,
  );
  const find = database.prepare(`SELECT ${columns} FROM queues WHERE tenant = ? AND name = ?`);
  const listOfTenant = database.prepare(`SELECT ${columns} FROM queues WHERE tenant = ? ORDER BY name`);
  const listAll = database.prepare(`SELECT ${columns} FROM queues ORDER BY tenant, name`);
  const update = database.prepare(
    `UPDATE queues SET settings = ?, version = version + 1, updated_at = ?
     WHERE tenant = ? AND name = ? AND version = ? RETURNING ${columns}`,
  );
  return {
    ...createQueueRemoval(database),
    async createQueue({ tenant, name, settings, nowMs }) {
      return database.write('create_queue', () => {
        const taken = find.get(tenant, name);
        if (taken !== undefined) return { outcome: 'exists' as const, queue: toQueue(taken) };
        const queue = toQueue(insert.get(tenant, name, JSON.stringify(settings), nowMs, nowMs));
        invariant(queue.queueNo <= maxQueueNo, 'a queue number fits 20 bits');
        return { outcome: 'created' as const, queue };
      });
    },
    async findQueue(tenant, name) {
      const row = await database.read('find_queue', () => find.get(tenant, name));
      return row === undefined ? undefined : toQueue(row);
    },
    async listQueues(tenant) {
      const rows = await database.read('list_queues', () =>
        tenant === undefined ? listAll.all() : listOfTenant.all(tenant),
      );
      return rows.map(toQueue);
    },
    async updateQueue({ tenant, name, settings, expectedVersion, nowMs }) {
      return database.write('update_queue', () => {
        const row = update.get(JSON.stringify(settings), nowMs, tenant, name, expectedVersion);
        if (row !== undefined) return { outcome: 'updated' as const, queue: toQueue(row) };
        const present = find.get(tenant, name);
        if (present === undefined) return { outcome: 'missing' as const };
        return { outcome: 'conflict' as const, queue: toQueue(present) };
      });
    },
  };
}
