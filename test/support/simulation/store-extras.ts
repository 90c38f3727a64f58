/** The other contents of the modelled store: queues, documents, the audit log, payloads, the facts of the cluster. */
import { createHash } from 'node:crypto';
import type { PayloadStore } from '../../../src/application/ports/payload-store.ts';
import type { QueueStore } from '../../../src/application/ports/queue-store.ts';
import type { ClusterFacts } from '../../../src/application/ports/store.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { AuditTable } from '../memory-audit.ts';
import { DocumentTable } from '../memory-documents.ts';
import type { Queue, QueueClosing } from '../../../src/domain/queue.ts';

interface StoredPayload {
  readonly bytes: Uint8Array;
  readonly digest: string;
  readonly expiresAtMs: number;
}

export class StoreExtras {
  readonly documents = new DocumentTable();
  readonly audit = new AuditTable();
  readonly queues = new Map<string, Queue>();
  readonly payloads = new Map<string, StoredPayload>();
  /**
   * When payloads were deleted, by the clock of the caller. A put from before that has no effect, however late it
   * arrives.
   */
  readonly #deletedMs = new Map<string, number>();
  readonly closed = new Map<string, QueueClosing>();
  readonly #queueListeners: ((what: 'made' | 'removed', queue: Queue) => void)[] = [];
  #lastQueueNo = 0;
  #facts: ClusterFacts | undefined;
  hasObjectsMark = false;

  agree(proposal: ClusterFacts): ClusterFacts {
    this.#facts ??= proposal;
    return this.#facts;
  }

  /** Calls the listener when a queue is created or removed, before the answer is sent. */
  onQueue(listener: (what: 'made' | 'removed', queue: Queue) => void): void {
    this.#queueListeners.push(listener);
  }

  createQueue(input: Parameters<QueueStore['createQueue']>[0]): Awaited<ReturnType<QueueStore['createQueue']>> {
    const { tenant, name, settings, nowMs } = input;
    const present = this.queues.get(`${tenant}/${name}`);
    if (present !== undefined) return { outcome: 'exists', queue: present };
    this.#lastQueueNo += 1;
    const queueNo = this.#lastQueueNo;
    const queue = { tenant, name, queueNo, settings, version: 1, createdAtMs: nowMs, updatedAtMs: nowMs };
    this.queues.set(`${tenant}/${name}`, queue);
    for (const listener of this.#queueListeners) listener('made', queue);
    return { outcome: 'created', queue };
  }

  listQueues(tenant?: string): readonly Queue[] {
    const listed = [...this.queues.values()].filter((queue) => tenant === undefined || queue.tenant === tenant);
    return listed.sort((a, b) => (`${a.tenant}/${a.name}` < `${b.tenant}/${b.name}` ? -1 : 1));
  }

  updateQueue(input: Parameters<QueueStore['updateQueue']>[0]): Awaited<ReturnType<QueueStore['updateQueue']>> {
    const key = `${input.tenant}/${input.name}`;
    const present = this.queues.get(key);
    if (present === undefined) return { outcome: 'missing' };
    if (present.version !== input.expectedVersion) return { outcome: 'conflict', queue: present };
    const queue = { ...present, settings: input.settings, version: present.version + 1, updatedAtMs: input.nowMs };
    this.queues.set(key, queue);
    return { outcome: 'updated', queue };
  }

  closeQueue(closing: QueueClosing): void {
    this.closed.set(`${closing.queueNo}/${closing.version}`, closing);
  }

  openQueue({ queueNo, version }: QueueClosing): void {
    this.closed.delete(`${queueNo}/${version}`);
  }

  removeQueue({ tenant, name, queueNo, version }: QueueClosing): Awaited<ReturnType<QueueStore['removeQueue']>> {
    const present = this.queues.get(`${tenant}/${name}`);
    if (present?.queueNo !== queueNo) return 'missing';
    if (present.version !== version) return 'conflict';
    this.queues.delete(`${tenant}/${name}`);
    for (const listener of this.#queueListeners) listener('removed', present);
    return 'removed';
  }

  putPayload({ name: id, bytes, expiresAtMs }: Parameters<PayloadStore['putPayload']>[0], sentMs: number): void {
    if (sentMs <= (this.#deletedMs.get(id) ?? -Infinity)) return;
    this.payloads.set(id, { bytes: Uint8Array.from(bytes), digest: digestOf(bytes), expiresAtMs });
  }

  payload(id: string, nowMs: number): Uint8Array | undefined {
    const stored = this.payloads.get(id);
    if (stored === undefined || stored.expiresAtMs <= nowMs) return undefined;
    if (digestOf(stored.bytes) !== stored.digest) {
      throw new TroupeError('INTERNAL_ERROR', { message: 'the payload is damaged' });
    }
    return stored.bytes;
  }

  deletePayload(id: string, sentMs: number): void {
    this.payloads.delete(id);
    this.#deletedMs.set(id, Math.max(sentMs, this.#deletedMs.get(id) ?? -Infinity));
  }

  damage(id: string, how: 'drop-last-part' | 'change-last-part'): void {
    const stored = this.payloads.get(id);
    if (how === 'drop-last-part') this.payloads.delete(id);
    else stored?.bytes.fill(0);
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
