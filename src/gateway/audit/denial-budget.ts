/**
 * Refused calls that are recorded one by one: some each second for each scope and reason. The rest is counted, so nobody
 * fills the disk with bad credentials.
 */
import { clusterScope } from '../../application/audit/audit-log.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Clock } from '../../application/ports/runtime.ts';

export const denialsPerSecondDefault = 10;
/** Pairs of scope and reason in one second. Those beyond it are counted for the cluster. */
const pairsMax = 10_000;
const windowMs = 1_000;

interface Window {
  readonly scope: string;
  readonly code: ErrorCode;
  seen: number;
}

export class DenialBudget {
  readonly #clock: Clock;
  readonly #perSecond: number;
  /** Called at the end of a second, for each pair that had more. */
  readonly #more: (scope: string, code: ErrorCode, count: number) => void;
  #windows = new Map<string, Window>();
  #beyond = new Map<ErrorCode, number>();

  constructor(clock: Clock, perSecond: number, more: (scope: string, code: ErrorCode, count: number) => void) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#more = more;
  }

  /** Whether this one is recorded. */
  take(scope: string, code: ErrorCode): boolean {
    if (this.#windows.size === 0) this.#clock.setTimer(windowMs, () => this.end());
    const name = `${code} ${scope}`;
    let window = this.#windows.get(name);
    if (window === undefined) {
      if (this.#windows.size >= pairsMax) {
        this.#beyond.set(code, (this.#beyond.get(code) ?? 0) + 1);
        return false;
      }
      this.#windows.set(name, (window = { scope, code, seen: 0 }));
    }
    window.seen += 1;
    return window.seen <= this.#perSecond;
  }

  /** Reports what this second had beyond its budget, and begins the next one. */
  end(): void {
    const ended = this.#windows;
    const beyond = this.#beyond;
    this.#windows = new Map();
    this.#beyond = new Map();
    for (const { scope, code, seen } of ended.values()) {
      if (seen > this.#perSecond) this.#more(scope, code, seen - this.#perSecond);
    }
    for (const [code, count] of beyond) this.#more(clusterScope(), code, count);
  }
}
