/** Bounds of queue settings, for what declares queues from outside of the cluster. */
export * from '../domain/setting-ranges.ts';
export { fairnessKeyMax, fairnessWeightsMax } from '../domain/flow-rule.ts';
export { namePattern } from '../domain/queue.ts';
export { errorCodePattern, nonRetryableCodesMax } from '../domain/retry-policy.ts';
