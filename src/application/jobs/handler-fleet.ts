/**
 * Which handlers the live nodes have, according to the membership. Answers are cached until the membership changes. The
 * cache is bounded, because callers choose the exact versions. A draining node takes no work and does not count.
 */
import { type HandlerNeed, meetsNeed, needText } from '../../domain/handler-need.ts';
import type { Membership, NodeInfo } from '../ports/membership.ts';

const rememberedMax = 1_000;

interface Reach {
  readonly all: boolean;
  readonly some: boolean;
}

export class HandlerFleet {
  readonly #membership: Pick<Membership, 'nodes'>;
  readonly #known = new Map<string, Reach>();
  readonly #versions = new Map<string, readonly string[]>();
  #changes = 0;

  constructor(membership: Pick<Membership, 'nodes' | 'onChange'>) {
    this.#membership = membership;
    membership.onChange(() => {
      this.#changes += 1;
      this.#known.clear();
      this.#versions.clear();
    });
  }

  /** Counts the changes of the membership. While it stays, so do all answers. */
  get changes(): number {
    return this.#changes;
  }

  /** Whether every worker node can run it. True while no worker node is known. */
  everyNodeHas(need: HandlerNeed): boolean {
    return this.#reach(need).all;
  }

  someNodeHas(need: HandlerNeed): boolean {
    return this.#reach(need).some;
  }

  /** The distinct versions of a handler on live nodes. */
  versionsOf(handler: string): readonly string[] {
    const known = this.#versions.get(handler);
    if (known !== undefined) return known;
    const handlers = this.#workers().flatMap((node) => node.handlers);
    const found = [...new Set(handlers.filter(({ name }) => name === handler).map(({ version }) => version))];
    if (this.#versions.size >= rememberedMax) this.#versions.clear();
    this.#versions.set(handler, found);
    return found;
  }

  #reach(need: HandlerNeed): Reach {
    const key = needText(need);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const meets = this.#workers().map(({ handlers }) => handlers.some((have) => meetsNeed(have, need)));
    const reach = { all: meets.every(Boolean), some: meets.some(Boolean) };
    if (this.#known.size >= rememberedMax) this.#known.clear();
    this.#known.set(key, reach);
    return reach;
  }

  #workers(): readonly NodeInfo[] {
    return this.#membership.nodes().filter((node) => node.roles.includes('workers') && !node.draining);
  }
}
