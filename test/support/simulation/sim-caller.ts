/**
 * A client that calls periodically, through a gateway that is up and within its process, so that its pauses and its
 * death have an effect.
 */
import { mayEverything } from '../callers.ts';
import type { ReadContext } from '../../../src/application/ports/call-context.ts';
import type { Random } from '../../../src/application/ports/runtime.ts';
import type { UseCases } from '../../../src/application/use-cases.ts';
import { defaultTenant } from '../../../src/domain/queue.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

export interface SimCallerParts {
  readonly world: World;
  readonly nodes: () => readonly SimNode[];
  /** Default: the default tenant. */
  readonly tenant?: string;
}

const patienceMs = 12_000;

export class SimCaller {
  readonly world: World;
  readonly random: Random;
  readonly tenant: string;
  readonly #nodes: () => readonly SimNode[];
  readonly #who: string;
  isOver = false;

  constructor(who: string, { world, nodes, tenant = defaultTenant }: SimCallerParts) {
    this.#who = who;
    this.world = world;
    this.tenant = tenant;
    this.#nodes = nodes;
    this.random = world.randomOf(who);
  }

  /** Runs `act` at random intervals. */
  begin(everyMs: number, act: () => void): void {
    this.world.timeline.at(this.random() * 2 * everyMs, () => {
      if (this.isOver) return;
      act();
      this.begin(everyMs, act);
    });
  }

  anyNode(): SimNode | undefined {
    const nodes = this.#nodes().filter(({ host }) => host.state === 'up');
    return nodes[Math.floor(this.random() * nodes.length)];
  }

  async ask<T>(
    act: (useCases: UseCases, context: ReadContext) => Promise<T>,
    node = this.anyNode(),
    waitMs = patienceMs,
  ): Promise<T> {
    if (node === undefined) throw new TroupeError('SHARD_UNAVAILABLE');
    return new Promise((resolve, reject) => {
      node.host.run(() => {
        const deadlineAtMs = node.host.clock.nowMs() + waitMs;
        act(node.useCases, {
          tenant: this.tenant,
          principal: mayEverything,
          requestId: this.#who,
          deadlineAtMs,
          reserve: () => undefined,
        }).then(resolve, reject);
      });
    });
  }

  /** The code of a refusal. INTERNAL_ERROR is always the fault of the cluster. */
  refused(error: unknown): TroupeError['code'] {
    const { code } = TroupeError.from(error);
    if (code === 'INTERNAL_ERROR') {
      const why = error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
      this.world.violation(10, `${this.#who} got INTERNAL_ERROR: ${why}`);
    }
    return code;
  }

  one<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.random() * of.length)];
  }
}
