/**
 * The membership as one host sees it, and the host's own key, in the steps of the real one. Each step is a round trip.
 */
import {
  type Announced,
  type Membership,
  newestIncarnations,
  type NodeInfo,
} from '../../../src/application/ports/membership.ts';
import type { BusLink } from './bus-link.ts';
import { BusSeenKeys } from './bus-seen-keys.ts';
import type { BusServer } from './bus-server.ts';

const ttlMs = 6_000;
const keyTimeoutMs = 2_000;

interface Own {
  readonly node: NodeInfo;
  readonly revision: number;
  readonly sentMs: number;
}

export class BusMembership implements Membership {
  readonly seen: BusSeenKeys<NodeInfo>;
  readonly #link: BusLink;
  readonly #server: BusServer;
  readonly #own = new Map<string, Own>();

  constructor(link: BusLink, server: BusServer) {
    this.#link = link;
    this.#server = server;
    this.seen = new BusSeenKeys(link, ttlMs);
  }

  async announce(node: NodeInfo): Promise<Announced> {
    const key = keyOf(node);
    if (this.#isReplaced(node)) return 'replaced';
    const sentMs = this.#link.host.clock.monotonicMs();
    const known = this.#own.get(key) ?? { node, revision: 0, sentMs };
    const isLate = known.revision > 0 && sentMs - known.sentMs > ttlMs;
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
    await this.#call(() => this.#server.nodes.delete(keyOf(node)));
  }

  nodes(): readonly NodeInfo[] {
    return newestIncarnations(this.seen.values().map(([, node]) => node));
  }

  onChange(listener: () => void): () => void {
    return this.seen.onChange(listener);
  }

  /** The bucket was created again, so this host announces itself again. */
  async replaced(): Promise<void> {
    this.seen.replaced();
    const own = [...this.#own.values()];
    const sentMs = this.#link.host.clock.monotonicMs();
    for (const { node } of own) this.#own.set(keyOf(node), { node, revision: 0, sentMs });
    await Promise.all(own.map(({ node }) => this.announce(node)));
  }

  async #renew(node: NodeInfo, revision: number): Promise<number | undefined> {
    const key = keyOf(node);
    const update = (expected: number): Promise<number | undefined> =>
      this.#call(() => this.#server.nodes.update(key, node, { revision: expected, ttlMs }));
    const renewed = await update(revision);
    if (renewed !== undefined) return renewed;
    const found = await this.#call(() => this.#server.nodes.get(key));
    return found === undefined ? undefined : update(found.revision);
  }

  #isReplaced({ nodeId, incarnation }: NodeInfo): boolean {
    return this.seen.values().some(([, other]) => other.nodeId === nodeId && other.incarnation > incarnation);
  }

  #call<T>(serve: () => T): Promise<T> {
    return this.#link.call(serve, { timeoutMs: keyTimeoutMs });
  }
}

function keyOf(node: NodeInfo): string {
  return `${node.nodeId}.${node.incarnation}`;
}
