/**
 * Errors that a handler throws to choose how its attempt ends. They are recognized by a registered symbol and not by
 * class, so that a handler with its own copy of this package is understood too.
 */
import { type Duration, durationMsOf } from './quantity.ts';

const fateKey = Symbol.for('troupe.handler.fate');

/**
 * How the attempt ends. `fail`: retry by the policy. `reject`: never retry. `snooze`: run again later, without a
 * failure. `cancelled`: stopped on request.
 */
export type Fate = 'fail' | 'reject' | 'snooze' | 'cancelled';

const fates: readonly Fate[] = ['fail', 'reject', 'snooze', 'cancelled'];

/** Options of `fail` and `reject`. */
export interface HandlerErrorOptions {
  /**
   * The handler's own error code, recorded in the failure of the job. The retry policy can name it as non-retryable.
   */
  readonly code?: string;
  /** The underlying error. Its message and code are recorded as well. */
  readonly cause?: unknown;
}

/** An error that says how the attempt ends. Create it with `fail`, `reject` or `snooze`. */
export class HandlerError extends Error {
  override readonly name: string = 'HandlerError';
  /** The handler's own error code, if it has one. */
  readonly code: string | undefined;
  readonly [fateKey]: Fate;

  constructor(fate: Fate, message: string, options: HandlerErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this[fateKey] = fate;
  }
}

/** Creates an error after which the job may be retried by its policy: `throw fail('upstream is down', { code })`. */
export function fail(message: string, options: HandlerErrorOptions = {}): HandlerError {
  return new HandlerError('fail', message, options);
}

/** Creates an error after which the job is not retried: `throw reject('not an image', { code })`. */
export function reject(message: string, options: HandlerErrorOptions = {}): HandlerError {
  return new HandlerError('reject', message, options);
}

/** Holds the delay in ms. */
const delayKey = Symbol.for('troupe.handler.delay');
const snoozeMinMs = 100;
const snoozeMaxMs = 365 * 86_400_000;

/** Postpones the job. Create it with `snooze`. */
export class Snooze extends HandlerError {
  override readonly name = 'Snooze';
  readonly [delayKey]: number;

  constructor(delayMs: number) {
    super('snooze', `put off for ${delayMs} ms`);
    this[delayKey] = delayMs;
  }
}

/**
 * Creates an error that ends the attempt and runs the job again later: `throw snooze('10m')`. It does not count as a
 * failure. The delay is 100 ms to 365 days, within the retention and total timeout of the job.
 * Throws TypeError if the delay is not valid.
 */
export function snooze(delay: Duration): Snooze {
  const delayMs = durationMsOf(delay);
  if (delayMs === undefined || delayMs < snoozeMinMs || delayMs > snoozeMaxMs) {
    throw new TypeError(`snooze(${delay}): must be 100ms to 365d`);
  }
  return new Snooze(delayMs);
}

/** The delay of a snooze in ms. Returns `undefined` for anything that `snooze` could not have made. */
export function snoozeMsOf(thrown: unknown): number | undefined {
  if (fateOf(thrown) !== 'snooze') return undefined;
  const delayMs: unknown = Reflect.get(thrown as object, delayKey);
  const isValid = typeof delayMs === 'number' && delayMs >= snoozeMinMs && delayMs <= snoozeMaxMs;
  return isValid ? delayMs : undefined;
}

/** Creates the error that `ctx.throwIfCancelled()` throws. */
export function cancelled(message: string): HandlerError {
  return new HandlerError('cancelled', message);
}

/** How an attempt ends that threw this. Undefined if the error does not say. */
export function fateOf(thrown: unknown): Fate | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const fate: unknown = Reflect.get(thrown, fateKey);
  return fates.find((known) => known === fate);
}
