/**
 * What the live nodes can run, according to the membership: which handlers they have, and which tenants' jobs they take. Answers
 * are cached until the membership changes. The caches are bounded, because callers choose the exact versions. A draining node
 * takes no work and does not count.
 */
import { type HandlerNeed, meetsNeed, needText } from '../../domain/handler-need.ts';
import { allTenants, takesTenant } from '../../domain/tenant-pool.ts';
import { type Membership, newestIncarnations, type NodeInfo } from '../ports/membership.ts';

const rememberedMax = 1_000;

interface Reach {
  readonly all: boolean;
  readonly some: boolean;
}

/** Nodes that take the same tenants, with what is known of them. There are hardly more than there are lists of nodes. */
interface Takers {
  readonly nodes: readonly NodeInfo[];
  readonly known: Map<string, Reach>;
}

/** The nodes of one state of the membership. */
interface Present {
  /** Those that take work. */
  readonly workers: readonly NodeInfo[];
  /** Their lists of tenants, each once. */
  readonly lists: readonly (readonly string[])[];
  /** The list of each node, also of one that takes no work any more. */
  readonly listOf: ReadonlyMap<string, readonly string[]>;
}

export class HandlerFleet {
  readonly #membership: Pick<Membership, 'nodes'>;
  readonly #isDedicated: (tenant: string) => boolean;
  readonly #takers = new Map<string, Takers>();
  readonly #versions = new Map<string, readonly string[]>();
  #present: Present | undefined;
  #changes = 0;

  /** `isDedicated`: whether only nodes that name the tenant take its jobs. It may change its mind at any time. */
  constructor(membership: Pick<Membership, 'nodes' | 'onChange'>, isDedicated: (tenant: string) => boolean) {
    this.#membership = membership;
    this.#isDedicated = isDedicated;
    membership.onChange(() => {
      this.#changes += 1;
      this.#takers.clear();
      this.#versions.clear();
      this.#present = undefined;
    });
  }

  /** Counts the changes of the membership. While it stays, so do all answers, but for tenants that become dedicated or not. */
  get changes(): number {
    return this.#changes;
  }

  /** Whether every worker node that takes jobs of the tenant can run it. True while there is none. */
  everyNodeHas(need: HandlerNeed, tenant: string): boolean {
    return this.#reach(need, tenant).all;
  }

  someNodeHas(need: HandlerNeed, tenant: string): boolean {
    return this.#reach(need, tenant).some;
  }

  /** Whether any worker node takes jobs of the tenant. */
  someNodeTakes(tenant: string): boolean {
    return this.#takersOf(tenant).nodes.length > 0;
  }

  /**
   * Whether this node may take jobs of the tenant. A node that is not known here takes those of every tenant that is not
   * dedicated: it keeps to its list itself.
   */
  nodeTakes(nodeId: string, tenant: string): boolean {
    return takesTenant(this.#look().listOf.get(nodeId), tenant, this.#isDedicated);
  }

  /** The distinct versions of a handler on live nodes. */
  versionsOf(handler: string): readonly string[] {
    const known = this.#versions.get(handler);
    if (known !== undefined) return known;
    const handlers = this.#look().workers.flatMap((node) => node.handlers);
    const found = [...new Set(handlers.filter(({ name }) => name === handler).map(({ version }) => version))];
    if (this.#versions.size >= rememberedMax) this.#versions.clear();
    this.#versions.set(handler, found);
    return found;
  }

  #reach(need: HandlerNeed, tenant: string): Reach {
    const { nodes, known } = this.#takersOf(tenant);
    const key = needText(need);
    const present = known.get(key);
    if (present !== undefined) return present;
    const meets = nodes.map(({ handlers }) => handlers.some((have) => meetsNeed(have, need)));
    const reach = { all: meets.every(Boolean), some: meets.some(Boolean) };
    if (known.size >= rememberedMax) known.clear();
    known.set(key, reach);
    return reach;
  }

  #takersOf(tenant: string): Takers {
    const { workers, lists } = this.#look();
    // Tenants that the same lists take have the same nodes.
    const taking = lists.map((list) => takesTenant(list, tenant, this.#isDedicated));
    const key = taking.map(Number).join('');
    const present = this.#takers.get(key);
    if (present !== undefined) return present;
    const nodes = workers.filter(({ tenants }) => takesTenant(tenants, tenant, this.#isDedicated));
    const takers = { nodes, known: new Map<string, Reach>() };
    this.#takers.set(key, takers);
    return takers;
  }

  #look(): Present {
    this.#present ??= presentOf(this.#membership.nodes());
    return this.#present;
  }
}

function presentOf(nodes: readonly NodeInfo[]): Present {
  const workers = nodes.filter((node) => node.roles.includes('workers') && !node.draining);
  return {
    workers,
    lists: distinctLists(workers),
    listOf: new Map(newestIncarnations(nodes).map(({ nodeId, tenants = allTenants }) => [nodeId, tenants])),
  };
}

function distinctLists(nodes: readonly NodeInfo[]): readonly (readonly string[])[] {
  const lists = nodes.map(({ tenants = allTenants }) => [tenants.join(' '), tenants] as const);
  return [...new Map(lists).values()];
}
