/**
 * Maps queues between the contract and the domain. On the wire, a setting is reset by naming it in the mask without a
 * value. The domain represents this as 0 or an empty list. So a 0 that comes over the wire is refused.
 */
import { FieldChecks } from '../application/calls/field-checks.ts';
import type { FlowRequest } from '../application/queues/flow-request.ts';
import type { SettingsRequest } from '../application/queues/manage-queues.ts';
import type { QueueView } from '../application/queues/queue-views.ts';
import type { Init } from '../contract/codec.ts';
import { publishedEventsCodes } from '../contract/codes.ts';
import { presentNumber } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, toOptionalTime, toTime } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { TroupeError } from '../domain/errors.ts';
import type { PublishedEvents } from '../domain/job.ts';
import { defaultQueueSettings } from '../domain/queue.ts';
import { maxLossesDefault } from '../domain/retry-policy.ts';
import { fromRetry, toRetry } from './retry-mapper.ts';

export function toQueue({ queue, quarantines }: QueueView): Init<wire.Queue> {
  const { settings } = queue;
  return {
    name: queue.name,
    settings: {
      executionTimeout: toTime(settings.executionTimeoutMs),
      heartbeatTimeout: toOptionalTime(settings.heartbeatTimeoutMs),
      retry: toRetry(settings.retry),
      retention: toTime(settings.retentionMs),
      payloadRetention: toTime(settings.payloadRetentionMs ?? settings.retentionMs),
      maxDepth: settings.maxDepth,
      maxBytes: settings.maxBytes,
      flow: settings.flow,
      publishedEvents: publishedEventsCodes[settings.publishedEvents ?? 'all'],
    },
    version: queue.version,
    createTime: toTime(queue.createdAtMs),
    updateTime: toTime(queue.updatedAtMs),
    quarantines: quarantines.map(({ node, reason, sinceMs }) => ({ node, reason, time: toTime(sinceMs) })),
  };
}

/**
 * Maps settings. Without a mask, or with one that names nothing, all fields that are present count. Throws INVALID_ARGUMENT for an unknown path, and
 * for a 0 that means "none" in the domain.
 */
export function fromSettings(settings: wire.QueueSettings | null, mask: wire.FieldMask | null = null): SettingsRequest {
  const request: SettingsRequest = {
    executionTimeoutMs: durationMs(settings?.executionTimeout),
    heartbeatTimeoutMs: durationMs(settings?.heartbeatTimeout),
    retry: fromRetry(settings?.retry),
    retentionMs: durationMs(settings?.retention),
    payloadRetentionMs: durationMs(settings?.payloadRetention),
    maxDepth: settings?.maxDepth ?? undefined,
    maxBytes: presentNumber(settings, 'maxBytes'),
    flow: fromFlow(settings?.flow),
    publishedEvents: fromPublishedEvents(settings?.publishedEvents ?? 0),
  };
  refuseZeros(request);
  return mask !== null && mask.paths.length > 0 ? masked(request, mask.paths) : request;
}

function fromPublishedEvents(code: number): PublishedEvents | undefined {
  const word = wordOf(publishedEventsCodes, code);
  if (word !== undefined || code === 0) return word;
  const violations = [{ field: 'settings.published_events', description: `unknown value ${code}` }];
  throw new TroupeError('INVALID_ARGUMENT', { violations });
}

function fromFlow(flow: wire.FlowRule | null | undefined): FlowRequest | undefined {
  if (!flow) return undefined;
  return {
    paused: flow.paused ?? undefined,
    maxRunning: flow.maxRunning ?? undefined,
    maxRunningPerKey: flow.maxRunningPerKey ?? undefined,
    rate: flow.rate ? { perSecond: flow.rate.perSecond, burst: flow.rate.burst ?? undefined } : undefined,
    fairnessWeights: Object.keys(flow.fairnessWeights).length === 0 ? undefined : flow.fairnessWeights,
  };
}

function refuseZeros({ heartbeatTimeoutMs, payloadRetentionMs, maxDepth, maxBytes, flow }: SettingsRequest): void {
  const checks = new FieldChecks();
  const values = {
    heartbeat_timeout: heartbeatTimeoutMs,
    payload_retention: payloadRetentionMs,
    max_depth: maxDepth,
    max_bytes: maxBytes,
    'flow.max_running': flow?.maxRunning,
    'flow.max_running_per_key': flow?.maxRunningPerKey,
    'flow.rate.per_second': flow?.rate?.perSecond,
  };
  for (const [path, value] of Object.entries(values)) {
    // A rate is one setting. The mask cannot name a part of it.
    const what = path.startsWith('flow.rate.') ? 'flow.rate' : path;
    if (value === 0) checks.add(`settings.${path}`, `must not be 0: leave ${what} absent, and name it in update_mask`);
  }
  checks.ensureNone();
}

/** The settings that the mask names, with their default if the request lacks them. */
function masked(request: SettingsRequest, paths: readonly string[]): SettingsRequest {
  const known = new Set<string>();
  const named = (path: string): boolean => {
    const covers = [path, ...(path.includes('.') ? [path.split('.', 1).join()] : [])];
    covers.forEach((cover) => known.add(cover));
    return covers.some((cover) => paths.includes(cover));
  };
  const pick = <T>(path: string, value: T | undefined, none: T): T | undefined =>
    named(path) ? (value ?? none) : undefined;
  const { retry, flow } = request;
  const { retry: defaultRetry, ...defaults } = defaultQueueSettings;
  // A default follows the delay that is stated beside it.
  const statedInitialMs = named('retry.initial_delay') ? retry?.initialMs : undefined;
  const statedMaxMs = named('retry.max_delay') ? retry?.maxMs : undefined;
  const initialMs = Math.min(defaultRetry.initialMs, statedMaxMs ?? Infinity);
  const maxMs = Math.max(defaultRetry.maxMs, statedInitialMs ?? 0);
  const picked: SettingsRequest = {
    executionTimeoutMs: pick('execution_timeout', request.executionTimeoutMs, defaults.executionTimeoutMs),
    heartbeatTimeoutMs: pick('heartbeat_timeout', request.heartbeatTimeoutMs, 0),
    retentionMs: pick('retention', request.retentionMs, defaults.retentionMs),
    payloadRetentionMs: pick('payload_retention', request.payloadRetentionMs, 0),
    maxDepth: pick('max_depth', request.maxDepth, 0),
    maxBytes: pick('max_bytes', request.maxBytes, 0),
    publishedEvents: pick('published_events', request.publishedEvents, 'all'),
    retry: {
      maxAttempts: pick('retry.max_attempts', retry?.maxAttempts, defaultRetry.maxAttempts),
      initialMs: pick('retry.initial_delay', retry?.initialMs, initialMs),
      coefficient: pick('retry.coefficient', retry?.coefficient, defaultRetry.coefficient),
      maxMs: pick('retry.max_delay', retry?.maxMs, maxMs),
      nonRetryableCodes: pick('retry.non_retryable_codes', retry?.nonRetryableCodes, []),
      maxLosses: pick('retry.max_losses', retry?.maxLosses, maxLossesDefault),
    },
    flow: {
      paused: pick('flow.paused', flow?.paused, false),
      maxRunning: pick('flow.max_running', flow?.maxRunning, 0),
      maxRunningPerKey: pick('flow.max_running_per_key', flow?.maxRunningPerKey, 0),
      rate: pick('flow.rate', flow?.rate, { perSecond: 0 }),
      fairnessWeights: pick('flow.fairness_weights', flow?.fairnessWeights, {}),
    },
  };
  const checks = new FieldChecks();
  for (const path of paths) if (!known.has(path)) checks.add('update_mask', `there is no setting ${path.slice(0, 64)}`);
  checks.ensureNone();
  return picked;
}
