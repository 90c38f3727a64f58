/** The options of a pool, with every default filled in once. */
import { totalmem } from 'node:os';
import type { HandlerSecrets } from '../../../application/ports/handler-secrets.ts';
import type { HandlerNewsListener } from '../../../application/ports/handler-news.ts';
import type { Clock, Logger, Telemetry } from '../../../application/ports/runtime.ts';
import type { MemoryBounds } from '../../../domain/memory-class.ts';

export interface CellPoolOptions {
  readonly handlerDirs: readonly string[];
  /** Number of threads over all cells. */
  readonly threads: number;
  /** Work kept ready beyond the free threads, as time; default 200. */
  readonly lookaheadMs?: number;
  /** Heap of a thread, unless a handler asks for another size; default 512. */
  readonly memoryMb?: number;
  /** Largest heap that a handler may ask for; default 4,096, at least `memoryMb`. */
  readonly memoryMaxMb?: number;
  /**
   * Resident memory of one cell process above which a run is ended. 0, the default, means its share of 80 % of the
   * available memory.
   */
  readonly cellRssMaxMb?: number;
  /** Runs after which a cell is replaced; default 0: never. */
  readonly cellRunsMax?: number;
  /** Time from a request to stop until the thread is ended, unless a handler sets another; default 1,000. */
  readonly cancelGraceMs?: number;
  /** Limit of a run's output. A larger output is INVALID_OUTPUT. Default 16 MiB. */
  readonly outputMaxBytes?: number;
  /** Limit of an output that a run streams; default that of any other. */
  readonly streamedMaxBytes?: number;
  /** Where inputs lie that handlers want as files; default nowhere: they are refused. */
  readonly scratchFolder?: string;
  /** Those files together; default 4 GiB. */
  readonly scratchMaxBytes?: number;
  /** What the runs of a cell may write beside those files; default 1 GiB. */
  readonly cellScratchMaxBytes?: number;
  /** Space of their disk that is left free; default none. */
  readonly scratchReserveBytes?: number;
  /** A cell that sends nothing for this long is ended; default 10,000. A cell sends a pulse every second. */
  readonly silenceMaxMs?: number;
  /** How long a cell that is replaced because of a stuck run waits for its other runs; default 30,000. */
  readonly stuckDrainMaxMs?: number;
  /** User and group of the cell processes; default those of this process. Only root may set it. */
  readonly cellUid?: number;
  /** Number of processes over which the threads are spread; default 1. */
  readonly cells?: number;
  /** What handlers may read with `ctx.secret`; default nothing. */
  readonly secrets?: HandlerSecrets;
  /** What handlers see in `process.env`; default nothing. */
  readonly handlerEnv?: ReadonlyMap<string, string>;
  /** Environment of the cell processes, which threads do not see; default none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Reload handlers when their files change; default true. */
  readonly watch?: boolean;
  /** Called for each reload, and for each line that a run logs. */
  readonly onNews?: HandlerNewsListener;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

type Derived = 'memoryMb' | 'memoryMaxMb' | 'cellRssMaxMb' | 'scratchFolder' | 'cellUid' | 'secrets';

export interface CompleteOptions extends Required<Omit<CellPoolOptions, Derived>> {
  readonly scratchFolder: string | undefined;
  readonly cellUid: number | undefined;
  readonly secrets: HandlerSecrets | undefined;
  readonly memory: MemoryBounds;
  readonly rssMaxBytes: number;
}

const usableShare = 0.8;
const mib = 2 ** 20;

export function completeOptions(options: CellPoolOptions): CompleteOptions {
  const {
    memoryMb = 512,
    memoryMaxMb = 4_096,
    cellRssMaxMb = 0,
    cells = 1,
    scratchFolder,
    cellUid,
    secrets,
    ...rest
  } = options;
  const outputMaxBytes = rest.outputMaxBytes ?? 16 * mib;
  return {
    lookaheadMs: 200,
    cellRunsMax: 0,
    cancelGraceMs: 1_000,
    outputMaxBytes,
    streamedMaxBytes: outputMaxBytes,
    scratchMaxBytes: 4_096 * mib,
    cellScratchMaxBytes: 1_024 * mib,
    scratchReserveBytes: 0,
    silenceMaxMs: 10_000,
    stuckDrainMaxMs: 30_000,
    handlerEnv: new Map(),
    env: {},
    watch: true,
    onNews: () => undefined,
    ...rest,
    scratchFolder,
    cellUid,
    secrets,
    cells,
    memory: { defaultMb: memoryMb, maxMb: Math.max(memoryMb, memoryMaxMb) },
    rssMaxBytes: cellRssMaxMb > 0 ? cellRssMaxMb * mib : Math.floor((usableShare * memoryThereIs()) / cells),
  };
}

/** The memory of the container if it has a limit, else of the machine. */
function memoryThereIs(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
