/** No puller sleeps while its route has messages and a slot is free, whatever fails and in whatever order. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AttemptsMessage } from '../../../../src/actors/worker/attempts-message.ts';
import { type PullerMessage, pullerActor } from '../../../../src/actors/worker/puller-actor.ts';
import { SlotPool } from '../../../../src/actors/worker/slot-pool.ts';
import { defaultWorkerLimits, type WorkerServices } from '../../../../src/actors/worker/worker-services.ts';
import type { WorkDelivery, WorkRoute } from '../../../../src/application/ports/bus.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import type { ActorRef } from '../../../../src/kernel/index.ts';
import { createTestKit, type TestKit } from '../../../../src/kernel/testkit/index.ts';

const routeCount = 5;
const runMs = 40;
const step = fc.record({
  kind: fc.constantFrom('arrive', 'arrive', 'arrive', 'break', 'mend', 'restart', 'grow', 'shrink', 'fill'),
  route: fc.nat(routeCount - 1),
  count: fc.integer({ min: 1, max: 12 }),
  afterMs: fc.constantFrom(0, 1, 45, 700, 1_200),
});

class Node {
  readonly kit: TestKit;
  readonly waiting = Array.from({ length: routeCount }, () => 0);
  readonly #rings = Array.from({ length: routeCount }, () => new Set<() => void>());
  readonly #pullers: ActorRef<PullerMessage>[] = [];
  readonly #slots: SlotPool;
  capacity = 2;
  running = 0;
  ended = 0;
  isBroken = false;
  #spawned = 0;

  constructor(seed: number) {
    this.kit = createTestKit({ seed });
    const { clock } = this.kit;
    const capacity = (): number => Math.max(0, this.capacity - this.running);
    this.#slots = new SlotPool({ capacity }, () => clock.monotonicMs(), { ...defaultWorkerLimits, unreportedMax: 3 });
    for (let route = 0; route < routeCount; route += 1) this.restart(route);
  }

  /** The runs of these begin: the run pool counts their slots. */
  readonly #runs = {
    tell: ({ deliveries = [] }: { readonly deliveries?: readonly WorkDelivery[] }): boolean => {
      this.running += deliveries.length;
      this.#slots.release(deliveries.length);
      for (const delivery of deliveries) this.kit.clock.setTimer(runMs, () => this.#end(delivery));
      return true;
    },
  };

  #end(_delivery: WorkDelivery): void {
    this.running -= 1;
    this.ended += 1;
    this.#slots.changed();
  }

  restart(route: number): void {
    const old = this.#pullers[route];
    if (old !== undefined) this.kit.system.stop(old);
    const { kit } = this;
    const source = {
      pull: ({ batch, expiresMs, signal }: { batch: number; expiresMs: number; signal: AbortSignal }) =>
        this.#pull(route, batch, expiresMs, signal),
      release: () => {
        this.arrive(route, 1);
      },
    };
    const services = {
      slots: this.#slots,
      limits: { ...defaultWorkerLimits, pullMax: 4 },
      source,
    } as unknown as WorkerServices;
    const to = { tenant: `t${route % 2}`, queue: `q${route}` } satisfies WorkRoute;
    this.#spawned += 1;
    const runs = this.#runs as unknown as ActorRef<AttemptsMessage>;
    this.#pullers[route] = kit.system.spawn(`puller-${this.#spawned}`, pullerActor(to, services, runs));
  }

  arrive(route: number, count: number): void {
    this.waiting[route] = (this.waiting[route] ?? 0) + count;
    for (const ring of this.#rings[route] ?? []) ring();
  }

  async #pull(route: number, batch: number, expiresMs: number, signal: AbortSignal): Promise<WorkDelivery[]> {
    await new Promise<void>((resolve) => this.kit.clock.setTimer(1, resolve));
    if (this.isBroken) throw new TroupeError('BROKER_UNAVAILABLE');
    if (expiresMs > 0 && this.waiting[route] === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#rings[route]?.add(resolve);
        this.kit.clock.setTimer(expiresMs, resolve);
        signal.addEventListener('abort', () => {
          resolve();
        });
      });
    }
    const taken = Math.min(batch, this.waiting[route] ?? 0);
    this.waiting[route] = (this.waiting[route] ?? 0) - taken;
    return Array.from({ length: taken }, () => ({ ackTo: 'ack' }) as WorkDelivery);
  }

  /** An outcome that no shard takes for a while. With three of them the node pulls nothing. */
  fill(): void {
    this.#slots.unreported(1);
    this.kit.clock.setTimer(2_000, () => {
      this.#slots.reported(1);
    });
  }

  changed(): void {
    this.#slots.changed();
  }

  get reserved(): number {
    return this.#slots.reserved;
  }
}

it('runs every message in the end, and holds no slot then', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1_000_000 }), fc.array(step, { maxLength: 40 }), async (seed, steps) => {
      const node = new Node(seed);
      let sent = 0;
      for (const { kind, route, count, afterMs } of steps) {
        if (kind === 'arrive') {
          node.arrive(route, count);
          sent += count;
        }
        if (kind === 'break') node.isBroken = true;
        if (kind === 'mend') node.isBroken = false;
        if (kind === 'restart') node.restart(route);
        if (kind === 'fill') node.fill();
        if (kind === 'shrink') node.capacity = 0;
        if (kind === 'grow') {
          node.capacity = 1 + (count % 4);
          node.changed();
        }
        await node.kit.advance(afterMs);
      }
      node.isBroken = false;
      node.capacity = 2;
      node.changed();
      // Two at a time, with the waits of pulls, retries and outcomes that nobody has taken.
      await node.kit.advance(10_000 + sent * (runMs + 10));
      expect({ waiting: node.waiting, ended: node.ended }).toEqual({ waiting: node.waiting.map(() => 0), ended: sent });
      expect(node.reserved).toBe(0);
    }),
    { numRuns: 100 },
  );
});
