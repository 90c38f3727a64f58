/**
 * The format of queues that are declared, in a file or in an environment: `{ NAME: settings }`, durations as text,
 * `none` or 0 for no limit. Unknown keys are refused. Read, durations are milliseconds, and null is no limit.
 */
import { z } from 'zod';
import { parseDurationMs } from '../domain/duration-text.ts';
import { fairnessKeyMax, fairnessWeightsMax } from '../domain/flow-rule.ts';
import { defaultQueueSettings, namePattern } from '../domain/queue.ts';
import { errorCodePattern, nonRetryableCodesMax } from '../domain/retry-policy.ts';
import * as ranges from '../domain/setting-ranges.ts';
import type { Range } from '../domain/setting-ranges.ts';
import { wordRecord } from './word-record.ts';

const queuesMax = 10_000;

/** Uses `read` to turn what is written into a number, null for none, or an error text. */
function number<Written, Read extends number | null>(read: (value: unknown) => Read | string) {
  return z.custom<Written>().transform((value, context): Read => {
    const result = read(value);
    if (typeof result !== 'string') return result;
    context.addIssue({ code: 'custom', message: result });
    return z.NEVER;
  });
}

function within(value: unknown, range: Range): number | string {
  return typeof value === 'number' && ranges.isInRange(value, range) ? value : `must be ${range.text}`;
}

function durationMs(value: unknown, range?: Range): number | string {
  const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
  if (ms === undefined) return 'must be a duration such as 250ms, 90s, 5m, 1h30m, 7d';
  return range === undefined ? ms : within(ms, range);
}

const isNone = (value: unknown): boolean => value === 'none' || value === 0;
const numberIn = (range: Range) => number<number, number>((value) => within(value, range));
const numberOrNone = (range: Range) =>
  number<number | 'none', number | null>((value) =>
    isNone(value) ? null : within(value, { ...range, text: `${range.text}, or none` }),
  );
const durationIn = (range: Range) => number<string, number>((value) => durationMs(value, range));
/** For settings whose range depends on another setting. */
const anyDuration = number<string, number>((value) => durationMs(value));
const anyDurationOrNone = number<string | 0, number | null>((value) => (isNone(value) ? null : durationMs(value)));

const retry = z
  .strictObject({
    maxAttempts: numberIn(ranges.attemptsRange).optional(),
    maxLosses: numberIn(ranges.lossesRange).optional(),
    initialDelay: durationIn(ranges.delayRange).optional(),
    coefficient: numberIn(ranges.coefficientRange).optional(),
    maxDelay: durationIn(ranges.delayRange).optional(),
    nonRetryableCodes: z
      .array(z.string().regex(errorCodePattern, `must match ${errorCodePattern.source}`))
      .max(nonRetryableCodesMax, `must be at most ${nonRetryableCodesMax} codes`)
      .optional(),
  })
  .refine(
    ({ initialDelay, maxDelay }) => maxDelay === undefined || initialDelay === undefined || maxDelay >= initialDelay,
    { message: 'must not be less than initialDelay', path: ['maxDelay'] },
  );

const flow = z.strictObject({
  paused: z.boolean().optional(),
  maxRunning: numberOrNone(ranges.runningRange).optional(),
  maxRunningPerKey: numberIn(ranges.perKeyRange).optional(),
  rate: z
    .strictObject({ perSecond: numberOrNone(ranges.rateRange), burst: numberIn(ranges.burstRange).optional() })
    .optional(),
  fairnessWeights: wordRecord(z.string().min(1).max(fairnessKeyMax), numberIn(ranges.weightRange))
    .refine((weights) => Object.keys(weights).length <= fairnessWeightsMax, {
      message: `must name at most ${fairnessWeightsMax} keys`,
    })
    .optional(),
});

const settings = z
  .strictObject({
    executionTimeout: durationIn(ranges.executionTimeoutRange).optional(),
    heartbeatTimeout: anyDurationOrNone.optional(),
    retention: durationIn(ranges.retentionRange).optional(),
    payloadRetention: anyDuration.optional(),
    maxDepth: numberOrNone(ranges.maxDepthRange).optional(),
    maxBytes: numberOrNone(ranges.maxBytesRange).optional(),
    retry: retry.optional(),
    flow: flow.optional(),
    publishedEvents: z.enum(['all', 'ends']).optional(),
  })
  .superRefine(({ executionTimeout, heartbeatTimeout, retention, payloadRetention }, context) => {
    const limit = (path: string, value: number | null | undefined, range: Range): void => {
      if (value === undefined || value === null || ranges.isInRange(value, range)) return;
      context.addIssue({ code: 'custom', path: [path], message: `must be ${range.text}` });
    };
    const executionMs = executionTimeout ?? defaultQueueSettings.executionTimeoutMs;
    limit('heartbeatTimeout', heartbeatTimeout, ranges.heartbeatRange(executionMs));
    const retentionMs = retention ?? defaultQueueSettings.retentionMs;
    limit('payloadRetention', payloadRetention, ranges.payloadRetentionRange(retentionMs));
  });

/** `NAME:` without a value declares a queue with defaults only. */
const queue = settings.nullish().transform((read) => read ?? {});

export const declaredQueuesSchema = wordRecord(
  z.string().regex(namePattern, `must match ${namePattern.source}`),
  queue,
).refine((queues) => Object.keys(queues).length <= queuesMax, `must be at most ${queuesMax} queues`);

export type DeclaredQueue = z.output<typeof queue>;
/** As it is written. */
export type WrittenQueues = z.input<typeof declaredQueuesSchema>;
