/**
 * Queues of an environment in the format of `troupe queues apply` (docs/guides/queues.md), and the gateway that
 * receives them. The bounds are Troupe's own, so that a wrong value is found before any request is sent.
 */
import { z } from 'zod';
import * as bounds from '../../../src/contract/queue-bounds.ts';
import { hostPort, namedRecord } from './primitives.ts';

type Range = bounds.Range;

const durationHint = 'a duration such as 250ms, 90s, 5m, 1h30m, 7d';
const anyDuration = z.string().refine((text) => bounds.parseDurationMs(text) !== undefined, durationHint);
const duration = (range: Range) =>
  anyDuration.refine((text) => bounds.isInRange(bounds.parseDurationMs(text) ?? NaN, range), {
    message: `must be ${range.text}`,
  });
const number = (range: Range) =>
  z.number().refine((value) => bounds.isInRange(value, range), { message: `must be ${range.text}` });
const numberOrNone = (range: Range) =>
  z.custom<number | 'none'>(
    (value) => value === 'none' || value === 0 || (typeof value === 'number' && bounds.isInRange(value, range)),
    { message: `must be ${range.text}, or none` },
  );

const msOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : bounds.parseDurationMs(text);

const retry = z
  .strictObject({
    maxAttempts: number(bounds.attemptsRange).optional(),
    maxLosses: number(bounds.lossesRange).optional(),
    initialDelay: duration(bounds.delayRange).optional(),
    coefficient: number(bounds.coefficientRange).optional(),
    maxDelay: duration(bounds.delayRange).optional(),
    nonRetryableCodes: z.array(z.string().regex(bounds.errorCodePattern)).max(bounds.nonRetryableCodesMax).optional(),
  })
  .refine(({ initialDelay, maxDelay }) => (msOf(maxDelay) ?? Infinity) >= (msOf(initialDelay) ?? 0), {
    message: 'must not be less than initialDelay',
    path: ['maxDelay'],
  });

const flow = z.strictObject({
  paused: z.boolean().optional(),
  maxRunning: numberOrNone(bounds.runningRange).optional(),
  maxRunningPerKey: number(bounds.perKeyRange).optional(),
  rate: z
    .strictObject({ perSecond: numberOrNone(bounds.rateRange), burst: number(bounds.burstRange).optional() })
    .optional(),
  fairnessWeights: namedRecord(z.string().min(1).max(bounds.fairnessKeyMax), number(bounds.weightRange))
    .refine((weights) => Object.keys(weights).length <= bounds.fairnessWeightsMax, 'too many keys')
    .optional(),
});

/** Settings that are absent get their defaults. */
const queueSettingsSchema = z
  .strictObject({
    executionTimeout: duration(bounds.executionTimeoutRange).optional(),
    heartbeatTimeout: z.union([z.literal('none'), anyDuration], 'none, or ' + durationHint).optional(),
    retention: duration(bounds.retentionRange).optional(),
    payloadRetention: anyDuration.optional(),
    maxDepth: numberOrNone(bounds.maxDepthRange).optional(),
    maxBytes: numberOrNone(bounds.maxBytesRange).optional(),
    retry: retry.optional(),
    flow: flow.optional(),
    publishedEvents: z.enum(['all', 'ends']).optional(),
  })
  .superRefine(({ executionTimeout, heartbeatTimeout, retention, payloadRetention }, context) => {
    const { defaultQueueSettings: defaults } = bounds;
    const within = (path: string, text: string | undefined, range: Range): void => {
      const ms = text === 'none' ? undefined : msOf(text);
      if (ms === undefined || bounds.isInRange(ms, range)) return;
      context.addIssue({ code: 'custom', path: [path], message: `must be ${range.text}` });
    };
    const executionMs = msOf(executionTimeout) ?? defaults.executionTimeoutMs;
    within('heartbeatTimeout', heartbeatTimeout, bounds.heartbeatRange(executionMs));
    within('payloadRetention', payloadRetention, bounds.payloadRetentionRange(msOf(retention) ?? defaults.retentionMs));
  });

export const queueGatewaySchema = z.strictObject({
  address: hostPort,
  /** Path of the PEM file with the authority that signed the gateway's certificate. If absent, TLS is not used. */
  caPath: z.string().min(1).optional(),
  /** Path of the file with the token, if the gateway requires one. Its content is never part of a plan or a state. */
  tokenFile: z.string().min(1).optional(),
});

export const declaredQueuesSchema = namedRecord(
  z.string().regex(bounds.namePattern, 'a queue name: letters, digits, _ and -'),
  queueSettingsSchema,
).refine((queues) => Object.keys(queues).length <= 1_000, 'at most 1,000 queues');

export const queuesSchema = z.strictObject({ gateway: queueGatewaySchema, declared: declaredQueuesSchema });
/** If `gateway` is absent, the gateway of this environment is used. */
export const localQueuesSchema = queuesSchema.partial({ gateway: true });

export type QueueSettings = z.infer<typeof queueSettingsSchema>;
export type QueueGateway = z.infer<typeof queueGatewaySchema>;
export type DeclaredQueues = z.infer<typeof declaredQueuesSchema>;
