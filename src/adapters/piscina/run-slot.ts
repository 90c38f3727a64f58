/**
 * Shared memory between a cell and one of its threads: the only channel a synchronous loop can see and be seen on.
 * One slot of 8 Int32 per thread. The cell clears it before a task and writes `stop`; the thread writes the rest.
 */
const slotInts = 8;
const fieldRun = 0;
const fieldPhase = 1;
const fieldStop = 2;
const fieldPulse = 3;
const fieldProgress = 4;

/** `assigned`: sent to the thread. `taken`: the thread has it, loads and validates. `running`: the handler runs. */
export const slotPhases = { assigned: 0, taken: 1, running: 2, done: 3 } as const;

const progressSteps = 1_000;

export function createSlotMemory(slots: number): SharedArrayBuffer {
  return new SharedArrayBuffer(slots * slotInts * Int32Array.BYTES_PER_ELEMENT);
}

export class RunSlot {
  readonly #ints: Int32Array;

  constructor(memory: SharedArrayBuffer, index: number) {
    this.#ints = new Int32Array(memory, index * slotInts * Int32Array.BYTES_PER_ELEMENT, slotInts);
  }

  /** Cell: before the task is sent. */
  assign(runKey: number): void {
    for (let field = 0; field < slotInts; field += 1) Atomics.store(this.#ints, field, 0);
    Atomics.store(this.#ints, fieldRun, runKey);
  }

  /** Cell: ask the code to stop. */
  requestStop(): void {
    Atomics.store(this.#ints, fieldStop, 1);
  }

  enter(phase: number): void {
    Atomics.store(this.#ints, fieldPhase, phase);
  }

  get phase(): number {
    return Atomics.load(this.#ints, fieldPhase);
  }

  /** Counts up with each sign of life. */
  get pulse(): number {
    return Atomics.load(this.#ints, fieldPulse);
  }

  /** 0..1 */
  get progress(): number {
    return Atomics.load(this.#ints, fieldProgress) / progressSteps;
  }

  /** Thread: true once it should stop. */
  stopRequested(): boolean {
    return Atomics.load(this.#ints, fieldStop) !== 0;
  }

  beat(): void {
    Atomics.add(this.#ints, fieldPulse, 1);
  }

  setProgress(fraction: number): void {
    const bounded = fraction >= 0 ? Math.min(fraction, 1) : 0;
    Atomics.store(this.#ints, fieldProgress, Math.round(bounded * progressSteps));
    this.beat();
  }
}
