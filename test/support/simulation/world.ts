/** What all parts of one simulation share: time, randomness by purpose, the trace, and the findings. */
import type { Logger, Random } from '../../../src/application/ports/runtime.ts';
import { createSeededRandom } from '../../../src/kernel/testkit/index.ts';
import { Timeline } from './timeline.ts';

/** A promise of the design that was broken. 0 means that the simulation itself could not continue. */
export interface Finding {
  readonly promise: number;
  readonly what: string;
}

export interface WorldOptions {
  readonly seed: number;
  /** Receives a line for everything that happens. Without it nothing is traced. */
  readonly trace?: (line: string) => void;
}

/** A broken simulation keeps breaking, so the first findings suffice. */
const findingsMax = 20;

export class World {
  readonly seed: number;
  readonly timeline: Timeline;
  readonly findings: Finding[] = [];
  readonly #trace: ((line: string) => void) | undefined;
  #purposes = 0;

  constructor({ seed, trace }: WorldOptions) {
    this.seed = seed;
    this.#trace = trace;
    this.timeline = new Timeline(this.random());
  }

  get nowMs(): number {
    return this.timeline.nowMs;
  }

  /** Returns a separate stream for each call, so that one more draw in one place changes nothing elsewhere. */
  random(): Random {
    return createSeededRandom(this.nextSeed());
  }

  /** Returns a stream by its name. An additional stream leaves all others unchanged. */
  randomOf(purpose: string): Random {
    let hash = 0x811c_9dc5;
    for (const letter of purpose) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x0100_0193);
    return createSeededRandom(Math.imul(this.seed ^ hash, 0x85eb_ca6b));
  }

  /**
   * A seed for each call. It depends on the number of calls before, so their order must not change within a simulation.
   */
  nextSeed(): number {
    this.#purposes += 1;
    return Math.imul(this.seed ^ 0x9e37_79b9, 0x85eb_ca6b) ^ Math.imul(this.#purposes, 0xc2b2_ae35);
  }

  /** Adds a line to the trace. */
  note(who: string, what: string): void {
    this.#trace?.(`${(this.nowMs / 1_000).toFixed(3).padStart(8)} s  ${who.padEnd(8)} ${what}`);
  }

  get isTraced(): boolean {
    return this.#trace !== undefined;
  }

  /** Reports a broken promise by its number in the design. */
  violation(promise: number, what: string): void {
    this.note('CHECK', `promise ${promise} broken: ${what}`);
    if (this.findings.length >= findingsMax) return;
    this.findings.push({ promise, what: `${what} (at ${(this.nowMs / 1_000).toFixed(3)} s)` });
  }

  log(who: string): Logger {
    const write =
      (level: string) =>
      (fields: Readonly<Record<string, unknown>>, message: string): void => {
        if (!this.isTraced) return;
        const { err, ...rest } = fields;
        const why = err instanceof Error ? ` ${err.message}` : '';
        this.note(who, `${level}: ${message}${why} ${JSON.stringify(rest)}`);
      };
    const log: Logger = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: () => log,
    };
    return log;
  }
}
