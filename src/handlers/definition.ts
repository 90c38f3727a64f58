/**
 * `defineHandler` checks the options that a person writes and converts them to plain numbers. Errors name the field.
 * A definition is recognized by its `~troupe` mark and not by class, so a second copy of this package does no harm.
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
import type { PayloadCodec } from '../domain/payload-codec.ts';
import { handlerNamePattern } from '../domain/queue.ts';
import { isStreamed } from './schema.ts';
import { durationMsOf, parseSizeBytes, type Duration, type Size } from './quantity.ts';

/** Versions of handlers. */
export const handlerVersionPattern = /^[A-Za-z0-9._+-]{1,64}$/;
const dayMs = 86_400_000;
const mib = 2 ** 20;

/** The options of `defineHandler`. */
export interface HandlerOptions<In extends StandardSchemaV1, Out extends StandardSchemaV1> {
  /**
   * One to four tokens of letters, digits, `_` and `-`, joined by dots: `image.thumbnail`. A token has at most 64
   * characters.
   */
  readonly name: string;
  /** Up to 64 letters, digits and `.`, `_`, `+`, `-`. Default `0.0.0`. */
  readonly version?: string;
  /**
   * Validates the input: any Standard Schema, `bytes()` or `bytesOr(schema)`. Default: `run` gets the submitted input
   * unchecked.
   */
  readonly input?: In;
  /**
   * Validates the result before it is recorded. A result that fails it ends the job with INVALID_OUTPUT. Default:
   * unchecked.
   */
  readonly output?: Out;
  /** The time limit of one attempt, from its start in the thread: 10 ms to 7 days. Default: the queue's. */
  readonly executionTimeout?: Duration;
  /**
   * The longest time without a sign of life: 1 s to `executionTimeout`, or 0 for none. An attempt that exceeds it ends
   * with HEARTBEAT_LOST.
   * Signs of life are `ctx.progress`, `ctx.throwIfCancelled`, `ctx.log`, `ctx.checkpoint` and `ctx.heartbeat`. Default:
   * the queue's.
   */
  readonly heartbeatTimeout?: Duration;
  /** The heap of the thread: 32 MiB to 64 GiB, rounded up to a memory class. Default: the node's `workers.memoryMb`. */
  readonly memory?: Size;
  /**
   * If an attempt runs out of memory, it is repeated at once in the next memory class, up to this size, and does not
   * count as a failure. Must be at least `memory`. Default: no repeat, and OUT_OF_MEMORY counts as a failure like any
   * other.
   */
  readonly memoryMax?: Size;
  /** Replaces parts of the queue's retry policy. Default: the queue's. */
  readonly retry?: {
    /** Attempts that may fail, including the first: 1 to 100. */
    readonly maxAttempts?: number;
    /** The longest delay after the first failure: 1 ms to 1 day. */
    readonly initialDelay?: Duration;
    /** Growth of the delay with each further failure: 1 to 10. */
    readonly coefficient?: number;
    /** The longest delay: 1 ms to 1 day. */
    readonly maxDelay?: Duration;
    /** Error codes that are never retried, such as `ENOENT`; at most 32. An empty list overrides the queue's list. */
    readonly nonRetryableCodes?: readonly string[];
    /**
     * Attempts that may be lost with their node or process: 0 to 24. With 0 an attempt that was started and lost is not
     * repeated, for code that must not do its work twice.
     */
    readonly maxLosses?: number;
  };
  /**
   * The time from the request to stop until the thread is terminated: 0 to 10 minutes. Default: the node's
   * `workers.cancelGraceMs`, 1 s.
   */
  readonly cancelGrace?: Duration;
  /**
   * Decodes the input and the last checkpoint, and encodes output, checkpoints and the texts of failures, in the thread of the
   * handler. `connect({ codec })` is the other side. Not with `input: streamed()`. Default: none.
   */
  readonly codec?: PayloadCodec;
  /**
   * Does the work, in a thread of its own. The result is recorded as bytes if it is a `Uint8Array`, as no output if it
   * is `undefined`, and as JSON otherwise. Throw `fail`, `reject` or `snooze` to choose how the attempt ends; any other
   * error is a failure that may be retried.
   */
  run(
    input: StandardSchemaV1.InferOutput<In>,
    ctx: HandlerContext,
  ): StandardSchemaV1.InferInput<Out> | Promise<StandardSchemaV1.InferInput<Out>>;
}

/** A handler made by `defineHandler`. A `*.job.ts` file exports one as its default. */
export interface Handler<
  In extends StandardSchemaV1 = StandardSchemaV1,
  Out extends StandardSchemaV1 = StandardSchemaV1,
> {
  /** The mark that identifies a handler across copies of this package. */
  readonly '~troupe': 1;
  /** The name by which jobs request it. */
  readonly name: string;
  /** The version that it was defined with. */
  readonly version: string;
  /** The schema of the input. Undefined if any input is accepted. */
  readonly input: In | undefined;
  /** The schema of the output. Undefined if any output is accepted. */
  readonly output: Out | undefined;
  /** The time limit of one attempt, in ms. If undefined, that of the queue applies. */
  readonly executionTimeoutMs: number | undefined;
  /** The longest time without a sign of life, in ms; 0 means no limit. If undefined, that of the queue applies. */
  readonly heartbeatTimeoutMs: number | undefined;
  /** The heap of the thread, in MiB. If undefined, the node's default applies. */
  readonly memoryMb: number | undefined;
  /**
   * The largest heap in which an attempt is repeated after it ran out of memory, in MiB. If undefined, it is not
   * repeated.
   */
  readonly memoryMaxMb: number | undefined;
  /** The parts of the retry policy that the handler sets. */
  readonly retry: Partial<RetryPolicy>;
  /**
   * The time from the abort of `signal` until the thread is terminated, in ms. If undefined, the node's setting
   * applies.
   */
  readonly cancelGraceMs: number | undefined;
  /** Decodes what it gets and encodes what it gives. Absent in handlers of earlier copies of this package. */
  readonly codec?: PayloadCodec | undefined;
  /** Does the work, in a thread of its own. */
  run(
    input: StandardSchemaV1.InferOutput<In>,
    ctx: HandlerContext,
  ): StandardSchemaV1.InferInput<Out> | Promise<StandardSchemaV1.InferInput<Out>>;
}

/** A handler as loaded from a file, where its types are not known. */
export type AnyHandler = Omit<Handler, 'run'> & { run(input: unknown, ctx: HandlerContext): unknown };

/** A handler definition that is not valid. The message names the field and the expected value. */
export class HandlerDefinitionError extends TypeError {
  override readonly name = 'HandlerDefinitionError';
}

/** Defines a handler. Throws HandlerDefinitionError if an option is not valid. */
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
  check.codec(options.codec, isStreamed(options.input));
  const memoryMb = check.megabytes('memory', options.memory);
  const memoryMaxMb = check.megabytes('memoryMax', options.memoryMax);
  check.that((memoryMaxMb ?? Infinity) >= (memoryMb ?? 0), 'memoryMax', options.memoryMax, 'at least `memory`');
  const executionTimeoutMs = check.duration('executionTimeout', options.executionTimeout, 10, 7 * dayMs);
  const { retry } = options;
  const initialMs = check.duration('retry.initialDelay', retry?.initialDelay, delayRange.min, delayRange.max);
  const maxMs = check.duration('retry.maxDelay', retry?.maxDelay, delayRange.min, delayRange.max);
  check.that((maxMs ?? Infinity) >= (initialMs ?? 0), 'retry.maxDelay', retry?.maxDelay, 'at least `initialDelay`');
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
      maxAttempts: check.number('retry.maxAttempts', retry?.maxAttempts, attemptsRange),
      maxLosses: check.number('retry.maxLosses', retry?.maxLosses, lossesRange),
      initialMs,
      coefficient: check.number('retry.coefficient', retry?.coefficient, coefficientRange),
      maxMs,
      nonRetryableCodes: check.codes('retry.nonRetryableCodes', retry?.nonRetryableCodes),
    }),
    cancelGraceMs: check.duration('cancelGrace', options.cancelGrace, 0, 600_000),
    codec: options.codec,
    run: options.run.bind(options),
  };
}

/** True for a handler made by any copy of this package. */
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
    codec(codec: PayloadCodec | undefined, isInputStreamed: boolean): void {
      if (codec === undefined) return;
      that(typeof codec.encode === 'function', 'codec.encode', typeof codec.encode, 'a function');
      that(typeof codec.decode === 'function', 'codec.decode', typeof codec.decode, 'a function');
      that(!isInputStreamed, 'input', 'streamed()', 'another schema: a codec takes whole values');
    },
    duration(field: string, value: Duration | undefined, minMs: number, maxMs: number): number | undefined {
      if (value === undefined) return undefined;
      const ms = durationMsOf(value);
      const inRange = ms !== undefined && ms >= minMs && ms <= maxMs;
      that(inRange, field, value, `a duration of ${minMs} ms to ${maxMs} ms, such as "250ms", "30s", "5m" or "2h"`);
      return ms;
    },
    heartbeat(field: string, value: Duration | undefined, executionTimeoutMs: number): number | undefined {
      if (value === undefined) return undefined;
      const ms = durationMsOf(value);
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
