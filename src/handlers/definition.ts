/**
 * `defineHandler`: the options a person writes, checked and turned into plain numbers, with errors that name the field.
 * A definition is recognised by its `~troupe` mark, so that a second copy of this package does no harm.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { heartbeatMinMs, type RetryPolicy } from '../domain/job.ts';
import { errorCodePattern, nonRetryableCodesMax } from '../domain/retry-policy.ts';
import {
  attemptsRange,
  coefficientRange,
  delayRange,
  isInRange,
  lossesRange,
  type Range,
} from '../domain/setting-ranges.ts';
import type { HandlerContext } from './context.ts';
import { parseDurationMs, parseSizeBytes, type Duration, type Size } from './quantity.ts';

export const handlerNamePattern = /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,3}$/;
export const handlerVersionPattern = /^[A-Za-z0-9._+-]{1,64}$/;
const dayMs = 86_400_000;
const mib = 2 ** 20;

export interface HandlerOptions<In extends StandardSchemaV1, Out extends StandardSchemaV1> {
  /** `image.thumbnail`: 1..4 tokens of letters, digits, `_`, `-`, joined by dots. */
  readonly name: string;
  /** Default `0.0.0`. */
  readonly version?: string;
  /** Any Standard Schema, `bytes()` or `bytesOr(schema)`. Without one, `run` gets what was submitted, unchecked. */
  readonly input?: In;
  /** Checked before the result is recorded; a result that fails it is INVALID_OUTPUT. */
  readonly output?: Out;
  /** One attempt, from its start in the thread; 10 ms .. 7 days. Without it the queue's default counts. */
  readonly executionTimeout?: Duration;
  /**
   * An attempt that gives no sign of life for so long is ended as HEARTBEAT_LOST: `ctx.progress`, `ctx.throwIfCancelled`,
   * `ctx.log`, `ctx.checkpoint` and `ctx.heartbeat` are signs. 1 s .. `executionTimeout`, 0 for none. Without it the queue's default counts.
   */
  readonly heartbeatTimeout?: Duration;
  /** Heap of the thread; 32 MiB .. 64 GiB, rounded up to a memory class. Default: `workers.memoryMb` of the node. */
  readonly memory?: Size;
  /**
   * An attempt that runs out of memory is repeated at once in the next memory class, up to this one; it counts as no
   * failure. At least `memory`. Default: no such repeat, OUT_OF_MEMORY is a failure like others.
   */
  readonly memoryMax?: Size;
  readonly retry?: {
    /** Attempts that may fail, the first included; 1..100. */
    readonly maxAttempts?: number;
    readonly backoff?: { readonly initial?: Duration; readonly max?: Duration; readonly coefficient?: number };
    /** Codes of errors that are never retried, such as `ENOENT`; at most 32. An empty list undoes that of the queue. */
    readonly nonRetryable?: readonly string[];
    /**
     * Attempts that may be lost with their node or process; 0..24, default of a queue 24. 0: what was begun and lost is
     * not begun again, for code that must not do its work twice.
     */
    readonly maxLosses?: number;
  };
  /** From the request to stop until the thread is ended by force; 0 .. 10 min, default 1 s. */
  readonly cancelGrace?: Duration;
  /** A `Uint8Array` is recorded as bytes, anything else as JSON, `undefined` as no output. */
  run(
    input: StandardSchemaV1.InferOutput<In>,
    ctx: HandlerContext,
  ): StandardSchemaV1.InferInput<Out> | Promise<StandardSchemaV1.InferInput<Out>>;
}

/** A handler as `defineHandler` made it. A `*.job.ts` file exports one by default, or several. */
export interface Handler<
  In extends StandardSchemaV1 = StandardSchemaV1,
  Out extends StandardSchemaV1 = StandardSchemaV1,
> {
  readonly '~troupe': 1;
  /** Its name; jobs ask for it. */
  readonly name: string;
  /** Semantic version. */
  readonly version: string;
  /** Schema of the input; absent: anything. */
  readonly input: In | undefined;
  /** Schema of the output; absent: anything. */
  readonly output: Out | undefined;
  /** Longest time of one attempt, in ms. */
  readonly executionTimeoutMs: number | undefined;
  /** Longest time of an attempt without a sign of life, in ms; absent: no limit. */
  readonly heartbeatTimeoutMs: number | undefined;
  /** Heap of the thread in MiB; absent: that of the node. */
  readonly memoryMb: number | undefined;
  /** Heap of the largest thread that it is tried in after it ran out of memory, in MiB. */
  readonly memoryMaxMb: number | undefined;
  /** When an attempt that failed is followed by another. */
  readonly retry: Partial<RetryPolicy>;
  /** Time from the abort of `signal` until the thread is ended by force, in ms. */
  readonly cancelGraceMs: number | undefined;
  /** The work. It runs in a thread of its own. */
  run(
    input: StandardSchemaV1.InferOutput<In>,
    ctx: HandlerContext,
  ): StandardSchemaV1.InferInput<Out> | Promise<StandardSchemaV1.InferInput<Out>>;
}

/** As it comes out of a file: its types are known to nobody. */
export type AnyHandler = Omit<Handler, 'run'> & { run(input: unknown, ctx: HandlerContext): unknown };

/** A handler that cannot be used: the message names the field and what is wrong with it. */
export class HandlerDefinitionError extends TypeError {
  override readonly name = 'HandlerDefinitionError';
}

export function defineHandler<
  In extends StandardSchemaV1 = StandardSchemaV1,
  Out extends StandardSchemaV1 = StandardSchemaV1,
>(options: HandlerOptions<In, Out>): Handler<In, Out> {
  const check = checker(options.name);
  check.that(
    handlerNamePattern.test(options.name),
    'name',
    options.name,
    'letters, digits, _ and -, up to 4 tokens with dots',
  );
  const version = options.version ?? '0.0.0';
  check.that(handlerVersionPattern.test(version), 'version', version, 'up to 64 letters, digits and . _ + -');
  check.that(typeof options.run === 'function', 'run', typeof options.run, 'a function');
  check.schema('input', options.input);
  check.schema('output', options.output);
  const memoryMb = check.megabytes('memory', options.memory);
  const memoryMaxMb = check.megabytes('memoryMax', options.memoryMax);
  check.that((memoryMaxMb ?? Infinity) >= (memoryMb ?? 0), 'memoryMax', options.memoryMax, 'at least `memory`');
  const executionTimeoutMs = check.duration('executionTimeout', options.executionTimeout, 10, 7 * dayMs);
  const backoff = options.retry?.backoff ?? {};
  return {
    '~troupe': 1,
    name: options.name,
    version,
    input: options.input,
    output: options.output,
    executionTimeoutMs,
    heartbeatTimeoutMs: check.heartbeat('heartbeatTimeout', options.heartbeatTimeout, executionTimeoutMs ?? 7 * dayMs),
    memoryMb,
    memoryMaxMb,
    retry: definedOnly({
      maxAttempts: check.number('retry.maxAttempts', options.retry?.maxAttempts, attemptsRange),
      maxLosses: check.number('retry.maxLosses', options.retry?.maxLosses, lossesRange),
      initialMs: check.duration('retry.backoff.initial', backoff.initial, delayRange.min, delayRange.max),
      coefficient: check.number('retry.backoff.coefficient', backoff.coefficient, coefficientRange),
      maxMs: check.duration('retry.backoff.max', backoff.max, delayRange.min, delayRange.max),
      nonRetryableCodes: check.codes('retry.nonRetryable', options.retry?.nonRetryable),
    }),
    cancelGraceMs: check.duration('cancelGrace', options.cancelGrace, 0, 600_000),
    run: options.run.bind(options),
  };
}

export function isHandler(value: unknown): value is AnyHandler {
  return typeof value === 'object' && value !== null && '~troupe' in value && value['~troupe'] === 1;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function definedOnly<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function checker(handler: string) {
  const that = (ok: boolean, field: string, value: unknown, expected: string): void => {
    if (ok) return;
    const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
    throw new HandlerDefinitionError(`handler "${handler}": ${field}: ${shown} is not valid; expected ${expected}`);
  };
  return {
    that,
    schema(field: string, value: unknown): void {
      const ok = value === undefined || (value !== null && '~standard' in Object(value));
      that(ok, field, value, 'a Standard Schema (zod, valibot, arktype), bytes() or bytesOr()');
    },
    duration(field: string, value: Duration | undefined, minMs: number, maxMs: number): number | undefined {
      if (value === undefined) return undefined;
      const ms = parseDurationMs(value);
      const inRange = ms !== undefined && ms >= minMs && ms <= maxMs;
      that(inRange, field, value, `a duration of ${minMs} ms to ${maxMs} ms, such as "250ms", "30s", "5m" or "2h"`);
      return ms;
    },
    heartbeat(field: string, value: Duration | undefined, executionTimeoutMs: number): number | undefined {
      if (value === undefined) return undefined;
      const ms = parseDurationMs(value);
      const inRange = ms === 0 || (ms !== undefined && ms >= heartbeatMinMs && ms <= executionTimeoutMs);
      const most = `the execution timeout (${executionTimeoutMs} ms)`;
      that(inRange, field, value, `a duration of ${heartbeatMinMs} ms to ${most}, or 0 for none`);
      return ms;
    },
    megabytes(field: string, value: Size | undefined): number | undefined {
      if (value === undefined) return undefined;
      const megabytes = (parseSizeBytes(value) ?? Number.NaN) / mib;
      that(megabytes >= 32 && megabytes <= 65_536, field, value, 'a size of 32MiB to 64GiB, such as "512MiB"');
      return Math.ceil(megabytes);
    },
    codes(field: string, value: readonly string[] | undefined): readonly string[] | undefined {
      if (value === undefined) return undefined;
      const isList = Array.isArray(value) && value.length <= nonRetryableCodesMax;
      that(isList, field, value, `a list of at most ${nonRetryableCodesMax} codes`);
      value.forEach((code, at) => {
        that(errorCodePattern.test(code), `${field}[${at}]`, code, '1 to 64 letters, digits and . _ : / -');
      });
      return value;
    },
    number(field: string, value: number | undefined, range: Range): number | undefined {
      if (value !== undefined) that(isInRange(value, range), field, value, range.text);
      return value;
    },
  };
}
