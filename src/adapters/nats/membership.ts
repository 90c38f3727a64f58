/**
 * Who is there: one key per incarnation, renewed by `announce`, gone by itself after its ttl. A key that expires tells
 * no watcher, so the view also forgets what it has not seen renewed for a ttl of the local clock.
 *
 * While the link is down nobody can be heard, so the view stands still; afterwards everyone gets one ttl to be heard of.
 * A node that died before this process looked may be shown for up to one ttl too long.
 */
import type { Membership, NodeInfo } from '../../application/ports/membership.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import type { KeyBucket, KeyChange } from './key-bucket.ts';
import type { NatsLink } from './link.ts';
import { escapeToken } from './names.ts';
import type { StreamGuard } from './stream-guard.ts';

export interface MembershipOptions {
  readonly link: NatsLink;
  readonly guard: StreamGuard;
  readonly bucket: KeyBucket;
  readonly clock: Clock;
  readonly ttlMs: number;
}

interface Seen {
  readonly node: NodeInfo;
  readonly text: string;
  readonly revision: number;
  seenMs: number;
}

export class NatsMembership implements Membership {
  readonly #options: MembershipOptions;
  readonly #seen = new Map<string, Seen>();
  readonly #announced = new Map<string, NodeInfo>();
  readonly #listeners = new Set<() => void>();
  readonly #stopWatch: () => void;
  #cancelTimer: () => void = () => undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
    options.link.onUp(() => this.#grantTtl());
    options.guard.onRepair(async () => {
      // Revisions start again in a new bucket.
      this.#grantTtl(0);
      await Promise.all([...this.#announced.values()].map((node) => this.announce(node)));
    });
    this.#stopWatch = options.bucket.watch((change) => this.#apply(change));
    this.#scheduleSweep();
  }

  async announce(node: NodeInfo): Promise<void> {
    this.#announced.set(keyOf(node), node);
    await this.#options.bucket.put(keyOf(node), JSON.stringify(node));
  }

  async withdraw(node: NodeInfo): Promise<void> {
    this.#announced.delete(keyOf(node));
    await this.#options.bucket.delete(keyOf(node));
  }

  nodes(): readonly NodeInfo[] {
    const newest = new Map<string, NodeInfo>();
    for (const seen of this.#seen.values()) {
      if (this.#isExpired(seen)) continue;
      const known = newest.get(seen.node.nodeId);
      if (known === undefined || known.incarnation < seen.node.incarnation) newest.set(seen.node.nodeId, seen.node);
    }
    return [...newest.values()];
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#stopWatch();
    this.#cancelTimer();
  }

  #apply(change: KeyChange): void {
    const known = this.#seen.get(change.key);
    if (known !== undefined && change.revision <= known.revision) return;
    if (change.value === undefined) {
      if (this.#seen.delete(change.key)) this.#notify();
      return;
    }
    const node = readNode(change.value);
    if (node === undefined) return;
    const seenMs = this.#options.clock.monotonicMs();
    this.#seen.set(change.key, { node, text: change.value, revision: change.revision, seenMs });
    if (known?.text !== change.value) this.#notify();
  }

  #isExpired(seen: Seen): boolean {
    return this.#options.link.connected && this.#options.clock.monotonicMs() - seen.seenMs > this.#options.ttlMs;
  }

  #grantTtl(revision?: number): void {
    const seenMs = this.#options.clock.monotonicMs();
    for (const [key, seen] of this.#seen) this.#seen.set(key, { ...seen, seenMs, revision: revision ?? seen.revision });
  }

  #scheduleSweep(): void {
    this.#cancelTimer = this.#options.clock.setTimer(Math.max(this.#options.ttlMs / 8, 50), () => {
      let gone = false;
      for (const [key, seen] of this.#seen) {
        if (this.#isExpired(seen)) gone = this.#seen.delete(key) || gone;
      }
      if (gone) this.#notify();
      this.#scheduleSweep();
    });
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
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
      slots: node.slots ?? 0,
      handlers: node.handlers ?? [],
      draining: node.draining ?? false,
      version: node.version ?? '',
    };
  } catch {
    return undefined;
  }
}
