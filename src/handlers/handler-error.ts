/**
 * What a handler throws to say more than "it failed". Recognised by a registered symbol, not by class, so that a
 * handler that brings its own copy of this package is understood as well.
 */
import { type Duration, parseDurationMs } from './quantity.ts';

const fateKey = Symbol.for('troupe.handler.fate');

/**
 * `fail`: try again. `reject`: never try again. `snooze`: run it later, nothing went wrong. `cancelled`: it stopped
 * because it was asked to.
 */
export type Fate = 'fail' | 'reject' | 'snooze' | 'cancelled';

const fates: readonly Fate[] = ['fail', 'reject', 'snooze', 'cancelled'];

export interface HandlerErrorOptions {
  /** The handler's own code, kept in the failure of the job. */
  readonly code?: string;
  readonly cause?: unknown;
}

export class HandlerError extends Error {
  override readonly name: string = 'HandlerError';
  readonly code: string | undefined;
  readonly [fateKey]: Fate;

  constructor(fate: Fate, message: string, options: HandlerErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this[fateKey] = fate;
  }
}

/** An error that lets the job be tried again, as its retry policy says: `throw fail('upstream is away', {code})`. */
export function fail(message: string, options: HandlerErrorOptions = {}): HandlerError {
  return new HandlerError('fail', message, options);
}

/** An error that ends the job at once: `throw reject('not an image', {code})`. */
export function reject(message: string, options: HandlerErrorOptions = {}): HandlerError {
  return new HandlerError('reject', message, options);
}

/** Carries how long. */
const delayKey = Symbol.for('troupe.handler.delay');
const snoozeMinMs = 100;
const snoozeMaxMs = 365 * 86_400_000;

export class Snooze extends HandlerError {
  override readonly name = 'Snooze';
  readonly [delayKey]: number;

  constructor(delayMs: number) {
    super('snooze', `put off for ${delayMs} ms`);
    this[delayKey] = delayMs;
  }
}

/**
 * Ends the attempt and lets the job run again later: `throw snooze('10m')`. Counts as no failure; 100 ms to 365 days,
 * within the job's retention and total timeout.
 */
export function snooze(delay: Duration): Snooze {
  const delayMs = parseDurationMs(delay);
  if (delayMs === undefined || delayMs < snoozeMinMs || delayMs > snoozeMaxMs) {
    throw new TypeError(`snooze(${delay}): must be 100ms to 365d`);
  }
  return new Snooze(delayMs);
}

/** Undefined unless it is a snooze that `snooze` could have made. */
export function snoozeMsOf(thrown: unknown): number | undefined {
  if (fateOf(thrown) !== 'snooze') return undefined;
  const delayMs: unknown = Reflect.get(thrown as object, delayKey);
  const isValid = typeof delayMs === 'number' && delayMs >= snoozeMinMs && delayMs <= snoozeMaxMs;
  return isValid ? delayMs : undefined;
}

/** What `ctx.throwIfCancelled()` throws. */
export function cancelled(message: string): HandlerError {
  return new HandlerError('cancelled', message);
}

export function fateOf(thrown: unknown): Fate | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const fate: unknown = Reflect.get(thrown, fateKey);
  return fates.find((known) => known === fate);
}
