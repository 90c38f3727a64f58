/**
 * Cluster membership: one key per incarnation of a node. `announce` renews it, and it expires after its ttl. Each
 * renewal is a compare-and-set on the key's revision. So a node whose key had expired learns that other nodes took it
 * for dead, and does not come back unnoticed.
 */
import {
  type Announced,
  type Membership,
  newestIncarnations,
  type NodeInfo,
} from '../../application/ports/membership.ts';
import { defaultWorkerClass } from '../../domain/worker-class.ts';
import type { KeyBucket } from './key-bucket.ts';
import { escapeToken } from './names.ts';
import { SeenKeys, type SeenKeysOptions } from './seen-keys.ts';
import { given } from '../../domain/given.ts';

/**
 * What this process has announced: the revision of its key (0 before the first write), and when it sent the last write
 * that succeeded.
 */
interface Own {
  readonly node: NodeInfo;
  readonly revision: number;
  readonly sentMs: number;
}

type NodesBucket = Pick<KeyBucket, 'get' | 'update' | 'delete' | 'watch'>;

export class NatsMembership implements Membership {
  readonly #bucket: NodesBucket;
  readonly #seen: SeenKeys<NodeInfo>;
  readonly #options: Pick<SeenKeysOptions<NodeInfo>, 'clock' | 'ttlMs'>;
  readonly #own = new Map<string, Own>();

  constructor(options: Omit<SeenKeysOptions<NodeInfo>, 'read'> & { readonly bucket: NodesBucket }) {
    this.#options = options;
    this.#bucket = options.bucket;
    this.#seen = new SeenKeys({ ...options, read: (_key, text) => readNode(text) });
    options.guard.onBucketRepair(async () => {
      // The bucket was recreated. No node was declared dead; the keys only have to be written again.
      const own = [...this.#own.values()];
      for (const { node } of own)
        this.#own.set(keyOf(node), { node, revision: 0, sentMs: options.clock.monotonicMs() });
      await Promise.all(own.map(({ node }) => this.announce(node)));
    });
  }

  async announce(node: NodeInfo): Promise<Announced> {
    const key = keyOf(node);
    if (this.#isReplaced(node)) return 'replaced';
    const sentMs = this.#options.clock.monotonicMs();
    const known = this.#own.get(key) ?? { node, revision: 0, sentMs };
    // The server may remove the key late. By now the other nodes have forgotten this one, so it must not renew.
    const isLate = known.revision > 0 && sentMs - known.sentMs > this.#options.ttlMs;
    this.#own.set(key, { ...known, node });
    const revision = isLate ? undefined : await this.#renew(node, known.revision);
    if (revision === undefined) {
      this.#own.delete(key);
      return 'expired';
    }
    if (this.#own.has(key)) this.#own.set(key, { node, revision, sentMs });
    return 'present';
  }

  async withdraw(node: NodeInfo): Promise<void> {
    this.#own.delete(keyOf(node));
    await this.#bucket.delete(keyOf(node));
  }

  nodes(): readonly NodeInfo[] {
    return newestIncarnations(this.#seen.values());
  }

  onChange(listener: () => void): () => void {
    return this.#seen.onChange(listener);
  }

  close(): void {
    this.#seen.close();
  }

  /**
   * Resolves to undefined if the key is gone. If the revision is not the one we know, an earlier write of ours
   * succeeded and its answer was lost; we continue from the revision that is stored. Only this process writes the key,
   * so a revision that a power cut let be issued twice is ours as well.
   */
  async #renew(node: NodeInfo, revision: number): Promise<number | undefined> {
    const key = keyOf(node);
    const text = JSON.stringify(node);
    const renewed = await this.#bucket.update(key, text, revision);
    if (renewed !== undefined) return renewed;
    const found = await this.#bucket.get(key);
    return found?.value === undefined ? undefined : this.#bucket.update(key, text, found.revision);
  }

  /** True if a newer incarnation of the node has announced itself. */
  #isReplaced({ nodeId, incarnation }: NodeInfo): boolean {
    for (const seen of this.#seen.values()) if (seen.nodeId === nodeId && seen.incarnation > incarnation) return true;
    return false;
  }
}

function keyOf(node: NodeInfo): string {
  return `${escapeToken(node.nodeId)}.${node.incarnation}`;
}

function readNode(text: string): NodeInfo | undefined {
  try {
    const node = JSON.parse(text) as Partial<NodeInfo> | null;
    if (typeof node?.nodeId !== 'string' || typeof node.incarnation !== 'number') return undefined;
    return {
      nodeId: node.nodeId,
      incarnation: node.incarnation,
      roles: node.roles ?? [],
      weight: node.weight ?? 1,
      slots: node.slots ?? 0,
      // Nodes of versions without worker classes do not send one.
      workerClass: node.workerClass ?? defaultWorkerClass,
      handlers: node.handlers ?? [],
      // Absent from nodes of versions without lists, which therefore get no jobs of dedicated tenants.
      ...given({ tenants: node.tenants }),
      draining: node.draining ?? false,
      ...given({ storeAway: node.storeAway === true ? true : undefined }),
      version: node.version ?? '',
    };
  } catch {
    return undefined;
  }
}
