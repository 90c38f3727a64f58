/**
 * Quarantines of queues in the `config` bucket. The key `quarantine.<tenant>.<queue>` applies to all nodes; with
 * `.<node>` appended it applies to one. Every process sees the marks through a watch.
 *
 * If the bucket was lost, each process writes the marks that it knows, unless another process already has. A mark that
 * was removed does not reappear through that, nor in a bucket that lost its last writes.
 */
import type { QueueMark, QueueQuarantines } from '../../application/ports/queue-quarantines.ts';
import type { KeyBucket, KeyChange } from './key-bucket.ts';
import { requestsAtOnce } from './limits.ts';
import { escapeToken } from './names.ts';
import type { StreamGuard } from './stream-guard.ts';
import { TakenAway } from './taken-away.ts';
import { given } from '../../domain/given.ts';
import { someAtOnce } from '../../domain/some-at-once.ts';

const prefix = 'quarantine.';

type MarksBucket = Pick<KeyBucket, 'put' | 'update' | 'delete' | 'watch'>;

interface Known {
  /** Undefined if the mark was removed. */
  readonly mark: QueueMark | undefined;
  readonly revision: number;
}

export class NatsQueueMarks implements QueueQuarantines {
  readonly #bucket: MarksBucket;
  readonly #known = new Map<string, Known>();
  /** Removed marks as text. A mark with another text is a new one. */
  readonly #takenAway = new TakenAway<string>();
  readonly #listeners = new Set<() => void>();
  readonly #stopWatch: () => void;

  constructor(bucket: MarksBucket, guard: Pick<StreamGuard, 'onBucketRepair' | 'onBucketDoubt'>) {
    this.#bucket = bucket;
    guard.onBucketRepair(() => this.#restore());
    // Most marks still exist. A mark that cannot be written now is written at the next doubt.
    guard.onBucketDoubt(() => void this.#restore().catch(() => undefined));
    this.#stopWatch = bucket.watch((change) => this.#apply(change));
  }

  async put(mark: QueueMark): Promise<void> {
    const key = keyOf(mark.tenant, mark.queue, mark.node);
    const value = JSON.stringify(mark);
    const revision = await this.#bucket.put(key, value);
    // Apply the write at once, so that the writer reads it back without waiting for the watch.
    this.#apply({ key, value, revision });
  }

  async clear(tenant: string, queue: string): Promise<void> {
    const keys = this.of(tenant, queue).map(({ node }) => keyOf(tenant, queue, node));
    for (const key of keys) {
      await this.#bucket.delete(key);
      const revision = this.#known.get(key)?.revision ?? 0;
      this.#apply({ key, value: undefined, revision: revision + 1 });
    }
  }

  of(tenant: string, queue: string): readonly QueueMark[] {
    const all = keyOf(tenant, queue);
    const marks: QueueMark[] = [];
    for (const [key, { mark }] of this.#known) {
      if (mark === undefined) continue;
      if (key === all) marks.unshift(mark);
      else if (key.startsWith(`${all}.`)) marks.push(mark);
    }
    return marks;
  }

  ofTenant(tenant: string): readonly QueueMark[] {
    const marks = [...this.#known.values()].flatMap(({ mark }) => mark ?? []);
    return marks.filter((mark) => mark.tenant === tenant);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#stopWatch();
  }

  /** Changes may arrive late and twice. The newest revision wins. */
  #apply({ key, value, revision }: KeyChange): void {
    if (!key.startsWith(prefix)) return;
    const known = this.#known.get(key);
    if (known !== undefined && revision <= known.revision) return;
    const mark = value === undefined ? undefined : readMark(value);
    if (mark !== undefined && this.#takenAway.get(key) === textOf(mark)) {
      this.#known.set(key, { mark: undefined, revision });
      // Every process that sees the mark deletes it. A newer mark has another revision and stays.
      void this.#bucket.delete(key, revision).catch(() => undefined);
      return;
    }
    this.#known.set(key, { mark, revision });
    if (mark !== undefined) this.#takenAway.forget(key);
    else if (known?.mark !== undefined) this.#takenAway.remember(key, textOf(known.mark));
    if (mark === undefined && known?.mark === undefined) return;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Writes the known marks again. Revisions start from 0 in a recreated bucket. */
  async #restore(): Promise<void> {
    const marks = [...this.#known].filter(([, { mark }]) => mark !== undefined);
    for (const [key, { mark }] of this.#known) {
      if (mark === undefined) this.#known.delete(key);
      else this.#known.set(key, { mark, revision: 0 });
    }
    await someAtOnce(marks, requestsAtOnce, async ([key, { mark }]) => {
      await this.#bucket.update(key, JSON.stringify(mark), 0);
    });
  }
}

/** Equal marks have the same text. */
function textOf({ tenant, queue, node, reason, sinceMs }: QueueMark): string {
  return JSON.stringify([tenant, queue, node, reason, sinceMs]);
}

function keyOf(tenant: string, queue: string, node?: string): string {
  return `${prefix}${tenant}.${queue}${node === undefined ? '' : `.${escapeToken(node)}`}`;
}

function readMark(text: string): QueueMark | undefined {
  try {
    const mark = JSON.parse(text) as Partial<QueueMark> | null;
    if (typeof mark?.tenant !== 'string' || typeof mark.queue !== 'string') return undefined;
    const { tenant, queue, node, reason = '', sinceMs = 0 } = mark;
    return { tenant, queue, ...given({ node: typeof node === 'string' ? node : undefined }), reason, sinceMs };
  } catch {
    return undefined;
  }
}
