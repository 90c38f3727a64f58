/**
 * Memory shared between a cell and one of its threads. It is the only channel that works during a synchronous loop: the
 * loop can read it, and the cell can see what the loop writes. Each thread has its own memory, so that none can touch
 * another's. The cell clears it before a task, and writes `stop` and the settled checkpoints. The thread writes the
 * rest. We keep the functions of `Atomics` from the start, because a handler may replace them.
 */
const { add, load, notify, store, waitAsync } = Atomics;

const slotInts = 8;
const fieldPhase = 0;
const fieldStop = 1;
const fieldPulse = 2;
const fieldProgress = 3;
const fieldSettled = 4;
const fieldRefused = 5;

/**
 * `assigned`: sent to the thread. `taken`: the thread has it, and loads and validates. `running`: the handler executes.
 */
export const slotPhases = { assigned: 0, taken: 1, running: 2, done: 3 } as const;

const progressSteps = 1_000;

export function createSlotMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(slotInts * Int32Array.BYTES_PER_ELEMENT);
}

export class RunSlot {
  readonly #ints: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#ints = new Int32Array(memory);
  }

  /** Cell: call this before a task is sent. */
  clear(): void {
    for (let field = 0; field < slotInts; field += 1) store(this.#ints, field, 0);
  }

  /** Cell: asks the code to stop. */
  requestStop(): void {
    store(this.#ints, fieldStop, 1);
  }

  enter(phase: number): void {
    store(this.#ints, fieldPhase, phase);
  }

  get phase(): number {
    return load(this.#ints, fieldPhase);
  }

  /** Grows with each sign of life. */
  get pulse(): number {
    return load(this.#ints, fieldPulse);
  }

  /** 0..1, whatever the thread has written. */
  get progress(): number {
    const steps = load(this.#ints, fieldProgress);
    return Math.min(progressSteps, Math.max(0, steps)) / progressSteps;
  }

  /** Thread: true once it should stop. */
  stopRequested(): boolean {
    return load(this.#ints, fieldStop) !== 0;
  }

  /** Cell: reports that this checkpoint is durable, or never will be. */
  settleCheckpoint(number: number, saved: boolean): void {
    if (!saved) store(this.#ints, fieldRefused, number);
    store(this.#ints, fieldSettled, number);
    notify(this.#ints, fieldSettled);
  }

  /** Thread: the checkpoint that was settled last; 0 for none. */
  get settled(): { readonly number: number; readonly saved: boolean } {
    const number = load(this.#ints, fieldSettled);
    return { number, saved: load(this.#ints, fieldRefused) !== number };
  }

  /** Thread: resolves when a checkpoint other than this one is the last that was settled. Keeps nothing alive. */
  async otherSettled(number: number): Promise<void> {
    await waitAsync(this.#ints, fieldSettled, number).value;
  }

  beat(): void {
    add(this.#ints, fieldPulse, 1);
  }

  setProgress(fraction: number): void {
    const bounded = fraction >= 0 ? (fraction < 1 ? fraction : 1) : 0;
    store(this.#ints, fieldProgress, (bounded * progressSteps + 0.5) | 0);
    this.beat();
  }
}
