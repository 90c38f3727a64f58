/** Bounds of queue settings, and how durations are written, for what declares queues from outside of the cluster. */
export * from '../domain/setting-ranges.ts';
export { parseDurationMs } from '../domain/duration-text.ts';
export { fairnessKeyMax, fairnessWeightsMax } from '../domain/flow-rule.ts';
export { namePattern } from '../domain/queue.ts';
export { errorCodePattern, nonRetryableCodesMax } from '../domain/retry-policy.ts';
