/**
 * One cell as its parent sees it. Frames go both ways, one per turn of the event loop. What the cell prints becomes log
 * lines. A cell that gives no sign of life, or sends something that is not a frame, is killed. It leads its own
 * session, so what its runs have started ends with it. Nothing arrives after `onExit`, so a cell is never mistaken for
 * its successor.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { Duplex } from 'node:stream';
import type { Clock, Logger } from '../../../application/ports/runtime.ts';
import { SecretMask } from '../../../domain/secret-mask.ts';
import { CellChannel } from '../protocol/cell-channel.ts';
import { parseEvents } from '../protocol/cell-frame-shape.ts';
import {
  cellDescriptor,
  pulseEveryMs,
  type CellCommand,
  type CellEvent,
  type CellSetup,
} from '../protocol/cell-frames.ts';
import { endProcessTree } from '../protocol/child-processes.ts';
import { compileCacheEnv } from '../protocol/compile-cache.ts';
import { entryPath } from '../protocol/entry-path.ts';
import { channelMacsOf, newKeyBytes } from '../protocol/frame-mac.ts';
import { inFrames } from '../protocol/frame-cut.ts';
import { LineBuffer } from '../protocol/output-capture.ts';
import { maskedCellEvent } from './masked-events.ts';

/**
 * Limit of a frame apart from an output; the longest such frame is the list of all handlers. An output takes up to two
 * bytes in a frame for each byte of its own limit.
 */
const frameRestMaxBytes = 64 * 2 ** 20;
/** A frame that is still arriving is a sign of life if it grows by this much in a second. */
const arrivingMinBytes = 2 ** 20;
const lastFramesMaxMs = 1_000;
const outputLinesMax = 200;
const outputLineMaxChars = 500;
/**
 * A setting of glibc; other allocators ignore it. Without it, glibc keeps the large buffers of an ended thread for
 * later ones, and the process looks full although no run holds anything. With it, every larger block is returned as
 * soon as it is free.
 */
const allocatorEnv = { MALLOC_MMAP_THRESHOLD_: String(2 ** 20) };
/** A cell does not open its inspector on SIGUSR1, which its own threads may send. */
const cellFlags = ['--disable-warning=ExperimentalWarning', '--disable-sigusr1'];

export interface CellExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the parent ended it, if it did. */
  readonly killedFor: string | undefined;
  /** It was ended for something that only code inside the cell can have done. */
  readonly ownFault: boolean;
  /** The last lines it printed, such as V8's reason to abort. */
  readonly lastLines: readonly string[];
}

export interface CellProcessOptions {
  readonly setup: CellSetup;
  readonly env: Readonly<Record<string, string>>;
  /** A cell that sends no frame for this long is considered hung. */
  readonly silenceMaxMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent: (event: CellEvent) => void;
  readonly onExit: (exit: CellExit) => void;
}

export class CellProcess {
  readonly #options: CellProcessOptions;
  readonly #child: ChildProcess;
  readonly #channel: CellChannel<readonly CellEvent[], readonly CellCommand[]> | undefined;
  readonly #lastLines: string[] = [];
  #outbox: CellCommand[] = [];
  #silentTicks = 0;
  #arrivedBytes = 0;
  #stopWatch: () => void = () => undefined;
  #killedFor: string | undefined;
  #ownFault = false;
  #linesLeft = outputLinesMax;
  #gone = false;
  /** What no text that comes from it must have: what its runs were given. */
  readonly mask = new SecretMask();
  readonly exited: Promise<void>;

  constructor(options: CellProcessOptions) {
    this.#options = options;
    this.#child = spawn(process.execPath, [...cellFlags, entryPath('cell/cell-main')], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...allocatorEnv, ...compileCacheEnv(), ...options.env },
      detached: true,
    });
    const closed = Promise.withResolvers<undefined>();
    this.#channel = this.#open(() => closed.resolve(undefined));
    this.exited = new Promise((resolve) => {
      // `exit` may come before the last frames have been read.
      const lastFrames = (): Promise<unknown> =>
        Promise.race([closed.promise, new Promise<void>((done) => options.clock.setTimer(lastFramesMaxMs, done))]);
      this.#child.once('error', (error) => this.#finish({ code: null, signal: null }, error.message, resolve));
      this.#child.once('exit', (code, signal) => {
        this.#endTree();
        void lastFrames().then(() => this.#finish({ code, signal }, undefined, resolve));
      });
    });
    this.#readLines(this.#child.stdout);
    this.#readLines(this.#child.stderr);
    this.send({ kind: 'setup', setup: options.setup });
    this.#watch();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(command: CellCommand): void {
    this.#outbox.push(command);
    if (this.#outbox.length === 1) setImmediate(() => this.#flush());
  }

  /** Kills the process at once, because none of its code can be trusted to end by itself. */
  kill(why: string, ownFault = false): void {
    if (this.#gone || this.#killedFor !== undefined) return;
    this.#killedFor = why;
    this.#ownFault = ownFault;
    this.#endTree();
  }

  /**
   * Also ends what is left of the process group after the exit. The system does not reuse the id of a group that has
   * members.
   */
  #endTree(): void {
    if (this.pid !== undefined) endProcessTree(this.pid);
  }

  /** Undefined when no process could be started. The `error` event reports that. */
  #open(onClosed: () => void): CellChannel<readonly CellEvent[], readonly CellCommand[]> | undefined {
    const pipe = this.#child.stdio[cellDescriptor];
    if (!(pipe instanceof Duplex)) return undefined;
    const keys = newKeyBytes();
    const { toCell, toNode } = channelMacsOf(keys);
    pipe.write(keys, () => keys.fill(0));
    return new CellChannel(pipe, {
      macs: { sent: toCell, received: toNode },
      parse: parseEvents,
      frameMaxBytes: frameRestMaxBytes + 2 * this.#options.setup.outputMaxBytes,
      onFrame: (frame) => this.#receive(frame),
      onBroken: (why) => this.kill(why, true),
      onClosed,
    });
  }

  #flush(): void {
    const frame = this.#outbox;
    this.#outbox = [];
    for (const part of inFrames(frame)) void this.#channel?.send(part);
  }

  #receive(frame: readonly CellEvent[]): void {
    this.#silentTicks = 0;
    for (const event of frame) {
      if (this.#gone) return;
      this.#options.onEvent(maskedCellEvent(this.mask, event));
    }
  }

  #watch(): void {
    this.#stopWatch = this.#options.clock.setTimer(pulseEveryMs, () => {
      // We count ticks of the parent's own loop, so that a pause of the parent is not taken for silence of the cell.
      const arrived = (this.#channel?.arrivedBytes ?? 0) - this.#arrivedBytes;
      this.#arrivedBytes += arrived;
      if (arrived < arrivingMinBytes) this.#silentTicks += 1;
      this.#linesLeft = outputLinesMax;
      const { silenceMaxMs } = this.#options;
      if (this.#silentTicks * pulseEveryMs > silenceMaxMs) this.kill(`no sign of life for ${silenceMaxMs} ms`);
      this.#watch();
    });
  }

  #readLines(stream: NodeJS.ReadableStream | null): void {
    const lines = new LineBuffer((line) => this.#logLine(this.#shown(line)));
    stream?.on('data', (chunk: Buffer) => lines.push(chunk));
    stream?.on('end', () => lines.flush());
    stream?.on('error', () => undefined);
  }

  #shown(line: string): string {
    return this.mask.text(line.slice(0, outputLineMaxChars), outputLineMaxChars);
  }

  #logLine(line: string): void {
    if (line.trim() === '') return;
    this.#lastLines.push(line);
    if (this.#lastLines.length > 20) this.#lastLines.shift();
    this.#linesLeft -= 1;
    if (this.#linesLeft >= 0) this.#options.log.debug({ pid: this.pid, line }, 'cell printed');
  }

  #finish(exit: Pick<CellExit, 'code' | 'signal'>, error: string | undefined, done: () => void): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#stopWatch();
    const killedFor = this.#killedFor ?? error;
    this.#options.onExit({ ...exit, killedFor, ownFault: this.#ownFault, lastLines: this.#lastLines });
    done();
  }
}

export function describeExit(exit: CellExit): string {
  if (exit.killedFor !== undefined) return `ended by its parent: ${exit.killedFor}`;
  return exit.signal === null ? `exit code ${exit.code ?? 'unknown'}` : `signal ${exit.signal}`;
}
