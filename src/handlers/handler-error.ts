/**
 * What a handler throws to say more than "it failed". Recognised by a registered symbol, not by class, so that a
 * handler that brings its own copy of this package is understood as well.
 */
const fateKey = Symbol.for('troupe.handler.fate');

/** `fail`: try again. `reject`: never try again. `cancelled`: it stopped because it was asked to. */
export type Fate = 'fail' | 'reject' | 'cancelled';

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

/** What `ctx.throwIfCancelled()` throws. */
export function cancelled(message: string): HandlerError {
  return new HandlerError('cancelled', message);
}

export function fateOf(thrown: unknown): Fate | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const fate: unknown = Reflect.get(thrown, fateKey);
  return fate === 'fail' || fate === 'reject' || fate === 'cancelled' ? fate : undefined;
}
