/**
 * Keeps what handlers write into the scratch folder of their cell within its bound: a full disk would cost the node more
 * than one cell, because a kubelet evicts the pod. Inputs have a bound of their own, so we count what lies there beyond
 * them. We look in the node, where no handler runs, a second after the last look has ended.
 */
import type { RunOutcome } from '../../../application/ports/run-pool.ts';
import type { Clock } from '../../../application/ports/runtime.ts';
import type { PoolRun } from './pool-run.ts';
import type { ScratchCell } from './scratch-folder.ts';
import { scratchUseOf } from './scratch-use.ts';

const scratchLookEveryMs = 1_000;
/** More files and folders than this count as too much, whatever they hold: a walk through more takes too long. */
const scratchEntriesMax = 100_000;

/** Disks count in blocks, and a folder takes one as well. */
const roundingBytes = 64 * 1_024;
/** By this a handler or a person tells this failure from others of HANDLER_FAILED. */
const scratchFullCode = 'SCRATCH_FULL';

export interface ScratchExcess {
  /** What is beyond the inputs. */
  readonly bytes: number;
  readonly entries: number;
  /** Runs whose own folders hold more than their inputs. Empty if it lies elsewhere: then any run may have written it. */
  readonly runIds: ReadonlySet<string>;
}

export interface ScratchWatchOptions {
  /** Undefined if this node has no scratch folder. */
  readonly cell: ScratchCell | undefined;
  readonly maxBytes: number;
  readonly clock: Clock;
  /** Called once; then the watch is over. */
  readonly onExceeded: (excess: ScratchExcess) => void;
}

export class ScratchWatch {
  readonly #options: ScratchWatchOptions;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(options: ScratchWatchOptions) {
    this.#options = options;
    if (options.cell !== undefined) this.#later(options.cell);
  }

  get cell(): ScratchCell | undefined {
    return this.#options.cell;
  }

  /** The process is gone, and its runs have ended. */
  close(): void {
    this.#stop();
    void this.cell?.close();
  }

  #stop(): void {
    this.#closed = true;
    this.#cancel();
  }

  #later(cell: ScratchCell): void {
    this.#cancel = this.#options.clock.setTimer(scratchLookEveryMs, () => void this.#look(cell));
  }

  async #look(cell: ScratchCell): Promise<void> {
    const excess = await scratchExcess(cell, this.#options.maxBytes);
    if (this.#closed) return;
    if (excess === undefined) {
      this.#later(cell);
      return;
    }
    this.#stop();
    this.#options.onExceeded(excess);
  }
}

/** Undefined while the cell keeps within its bound. */
export async function scratchExcess(
  cell: ScratchCell,
  maxBytes: number,
  entriesMax = scratchEntriesMax,
): Promise<ScratchExcess | undefined> {
  const use = await scratchUseOf(cell.folder, entriesMax);
  let bytes = use.bytes;
  const runIds = new Set<string>();
  for (const { runId, name, bytes: granted } of cell.granted()) {
    const taken = use.bytesBelow.get(name) ?? 0;
    bytes -= Math.min(taken, granted);
    if (taken > granted + roundingBytes) runIds.add(runId);
  }
  if (bytes <= maxBytes && use.entries <= entriesMax) return undefined;
  return { bytes, entries: use.entries, runIds };
}

/** How a run ends that has, or may have, filled the scratch folder of its cell. Undefined for another run. */
export function scratchFull(
  { request: { runId, handler }, startedAtMs }: Pick<PoolRun, 'request' | 'startedAtMs'>,
  { bytes, entries, runIds }: ScratchExcess,
  maxBytes: number,
): RunOutcome | undefined {
  const mayHaveWritten = runIds.size === 0 ? startedAtMs !== undefined : runIds.has(runId);
  if (!mayHaveWritten) return undefined;
  const held = `${bytes} bytes and ${entries > scratchEntriesMax ? `more than ${scratchEntriesMax}` : entries} files and folders`;
  const allowed = `${maxBytes} bytes (workers.cellScratchMaxBytes) and ${scratchEntriesMax} are allowed`;
  const message = `the scratch folder of the handler "${handler}" held ${held} beside the inputs; ${allowed}`;
  return { kind: 'failed', failure: { reason: 'HANDLER_FAILED', message, code: scratchFullCode }, retryable: true };
}
