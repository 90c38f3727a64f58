/** Ranges of queue settings and the duration format, for programs outside the cluster that declare queues. */
export * from '../domain/setting-ranges.ts';
export { parseDurationMs } from '../domain/duration-text.ts';
export { fairnessKeyMax, fairnessWeightsMax } from '../domain/flow-rule.ts';
export { defaultQueueSettings, namePattern } from '../domain/queue.ts';
export { errorCodePattern, nonRetryableCodesMax } from '../domain/retry-policy.ts';
