/**
 * Load: queues are created, used and deleted. Some submits arrive at the very moment of the deletion, through gateways
 * that do not know of it. `QueueWatch` checks the result, and every accepted job must end like any other.
 */
import { submitShortJob } from './short-job.ts';
import type { QueueWatch } from './queue-watch.ts';
import { SimCaller, type SimCallerParts } from './sim-caller.ts';
import type { Witness } from './witness.ts';

export interface SimQueuesParts extends SimCallerParts {
  readonly witness: Witness;
  readonly queues: QueueWatch;
  readonly handler: string;
  /** Crashes a node, in simulations with crashes. It returns at once, with an empty memory. */
  readonly crash: ((index: number) => void) | undefined;
}

const names = ['q0', 'q1'];
/** Of jobs in this queue only the end is published. */
const quiet = 'q1';
/** Number of submits around a deletion, and the time within which they arrive, ms. */
const racersMax = 3;
const raceMs = 60;
/** Time after the deletion within which a node crashes. */
const crashWithinMs = 1_000;
const usedForMs = 15_000;

export class SimQueues {
  readonly #parts: SimQueuesParts;
  readonly #caller: SimCaller;
  #count = 0;

  constructor(parts: SimQueuesParts) {
    this.#parts = parts;
    this.#caller = new SimCaller('queues', parts);
  }

  begin(everyMs: number): void {
    this.#make(names[0] ?? '');
    this.#caller.begin(everyMs, () => {
      this.#act();
    });
  }

  stop(): void {
    this.#caller.isOver = true;
  }

  #act(): void {
    const name = this.#caller.one(names) ?? '';
    const dice = this.#caller.random();
    if (dice < 0.25) this.#make(name);
    else if (dice < 0.6) this.#submit(name);
    else this.#remove(name);
  }

  #make(name: string): void {
    const { world, queues } = this.#parts;
    queues.asked(name);
    const publishedEvents = name === quiet ? 'ends' : 'all';
    this.#caller
      .ask((useCases, context) => useCases.queues.create(context, name, { publishedEvents }))
      .then(
        ({ queue }) => {
          world.note('client', `queue ${name} is made, no ${queue.queueNo}`);
        },
        (error: unknown) => {
          this.#caller.refused(error);
        },
      );
  }

  #remove(name: string): void {
    const { world } = this.#parts;
    const racers = Math.floor(this.#caller.random() * (racersMax + 1));
    for (let racer = 0; racer < racers; racer += 1) {
      world.timeline.at(this.#caller.random() * raceMs, () => {
        this.#submit(name);
      });
    }
    this.#caller
      .ask((useCases, context) => useCases.queues.remove(context, name))
      .then(
        () => {
          world.note('client', `queue ${name} is deleted`);
          this.#crashOne();
          this.#useLater(name);
        },
        (error: unknown) => {
          world.note('client', `queue ${name} not deleted: ${this.#caller.refused(error)}`);
        },
      );
  }

  /** Crashes a node, which may have taken part in the deletion. */
  #crashOne(): void {
    const { world, nodes, crash } = this.#parts;
    const index = Math.floor(this.#caller.random() * nodes().length);
    world.timeline.at(this.#caller.random() * crashWithinMs, () => {
      if (!this.#caller.isOver) crash?.(index);
    });
  }

  /** Submits through each gateway, which acts on its own cache. */
  #useLater(name: string): void {
    for (const node of this.#parts.nodes()) {
      this.#parts.world.timeline.at(this.#caller.random() * usedForMs, () => {
        if (!this.#caller.isOver && node.host.state === 'up') this.#submit(name, node);
      });
    }
  }

  #submit(queue: string, node = this.#caller.anyNode()): void {
    this.#count += 1;
    const { witness, handler } = this.#parts;
    submitShortJob(this.#caller, witness, { n: this.#count, handler, node, options: { queue } });
  }
}
