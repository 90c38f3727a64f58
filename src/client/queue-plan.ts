/**
 * Compares declared queues with existing ones, and plans the changes that make them equal. Pure.
 *
 * A declaration is complete: a setting that it does not name has its default. So a queue that was changed by hand
 * differs from its declaration, and applying the declaration again corrects it.
 */
import { defaultMaxRunningPerKey } from '../domain/flow-rule.ts';
import { defaultQueueSettings } from '../domain/queue.ts';
import { maxLossesDefault } from '../domain/retry-policy.ts';
import type { FlowInput } from './flow.ts';
import type { QueueInfo, QueueSettingsInfo, QueueSettingsInput, RetryInfo } from './job-types.ts';

/** Declared queues by name. Settings that are absent get their defaults. */
export type DeclaredQueues = ReadonlyMap<string, QueueSettingsInput>;

/** The value of a setting. Absent limits are null, and durations are in ms. */
export type SettingValue = number | boolean | string | null;

/** One setting that differs. */
export interface SettingChange {
  /** Path of the setting in `QueueSettingsInput`: `maxDepth`, `retry.maxDelayMs`, `flow.fairnessWeights.gold`. */
  readonly setting: string;
  /** The value that the cluster has. */
  readonly from: SettingValue;
  /** The declared value. */
  readonly to: SettingValue;
}

/** What to do with a queue. `undeclared`: the queue exists but is not declared. */
export type QueuePlan =
  | { readonly kind: 'create'; readonly name: string; readonly changes: readonly SettingChange[] }
  | {
      readonly kind: 'update';
      readonly name: string;
      readonly version: number;
      readonly changes: readonly SettingChange[];
      /** The complete declared settings, which the update sends. */
      readonly settings: QueueSettingsInput;
    }
  | { readonly kind: 'unchanged'; readonly name: string }
  | { readonly kind: 'undeclared'; readonly name: string };

const { initialMs, maxMs, ...defaultParts } = defaultQueueSettings.retry;

/** Like the gateway: of the delays, a default follows the one that is stated. */
function completeRetry(retry: QueueSettingsInput['retry'] = {}): RetryInfo {
  const initialDelayMs = Math.min(initialMs, retry.maxDelayMs ?? Infinity);
  const maxDelayMs = Math.max(maxMs, retry.initialDelayMs ?? 0);
  return { ...defaultParts, initialDelayMs, maxDelayMs, ...retry };
}

/** Returns the plans in the order of the queues' names. */
export function planQueues(declared: DeclaredQueues, present: Iterable<QueueInfo>): readonly QueuePlan[] {
  const byName = new Map<string, QueueInfo>();
  for (const queue of present) byName.set(queue.name, queue);
  const plans = [...declared].map(([name, settings]) => planQueue(name, settings, byName.get(name)));
  const undeclared = [...byName.keys()].filter((name) => !declared.has(name));
  const all = [...plans, ...undeclared.map((name) => ({ kind: 'undeclared', name }) as const)];
  return all.sort((one, other) => (one.name < other.name ? -1 : 1));
}

export function planQueue(name: string, settings: QueueSettingsInput, present: QueueInfo | undefined): QueuePlan {
  if (present === undefined) return { kind: 'create', name, changes: changesBetween({}, settings) };
  const changes = changesBetween(present.settings, settings);
  if (changes.length === 0) return { kind: 'unchanged', name };
  return { kind: 'update', name, version: present.version, changes, settings: updateTo(settings) };
}

function changesBetween(from: QueueSettingsInput, to: QueueSettingsInput): readonly SettingChange[] {
  const [before, after] = [factsOf(from), factsOf(to)];
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((setting) => {
    const [was, is] = [before.get(setting) ?? null, after.get(setting) ?? null];
    return was === is ? [] : [{ setting, from: was, to: is }];
  });
}

/** Every setting with its effective value. Equal settings have equal values. */
function factsOf(input: QueueSettingsInput | QueueSettingsInfo): ReadonlyMap<string, SettingValue> {
  const executionTimeoutMs = input.executionTimeoutMs ?? defaultQueueSettings.executionTimeoutMs;
  const retentionMs = input.retentionMs ?? defaultQueueSettings.retentionMs;
  const retry = completeRetry(input.retry);
  const flow: FlowInput = input.flow ?? {};
  const weights = Object.entries(flow.fairnessWeights ?? {}).filter(([, weight]) => weight > 1);
  return new Map<string, SettingValue>([
    ['executionTimeoutMs', executionTimeoutMs],
    ['heartbeatTimeoutMs', input.heartbeatTimeoutMs ?? null],
    ['retentionMs', retentionMs],
    ['payloadRetentionMs', input.payloadRetentionMs ?? retentionMs],
    ['maxDepth', input.maxDepth ?? null],
    ['maxBytes', input.maxBytes ?? null],
    ['publishedEvents', input.publishedEvents ?? 'all'],
    ['retry.maxAttempts', retry.maxAttempts],
    ['retry.initialDelayMs', retry.initialDelayMs],
    ['retry.coefficient', retry.coefficient],
    ['retry.maxDelayMs', retry.maxDelayMs],
    ['retry.nonRetryableCodes', [...new Set(retry.nonRetryableCodes)].sort().join(' ') || null],
    ['retry.maxLosses', retry.maxLosses ?? maxLossesDefault],
    ['flow.paused', flow.paused ?? false],
    ['flow.maxRunning', flow.maxRunning ?? null],
    ['flow.maxRunningPerKey', flow.maxRunningPerKey ?? defaultMaxRunningPerKey],
    ['flow.rate.perSecond', flow.rate?.perSecond ?? null],
    ['flow.rate.burst', flow.rate ? (flow.rate.burst ?? Math.max(1, Math.ceil(flow.rate.perSecond))) : null],
    ...weights.map(([key, weight]) => [`flow.fairnessWeights.${key}`, weight] as const),
  ]);
}

/** An update keeps what it does not name, so it names every setting. Null removes limits that are not declared. */
function updateTo(input: QueueSettingsInput): QueueSettingsInput {
  const retry = completeRetry(input.retry);
  const { flow = {} } = input;
  return {
    executionTimeoutMs: input.executionTimeoutMs ?? defaultQueueSettings.executionTimeoutMs,
    heartbeatTimeoutMs: input.heartbeatTimeoutMs ?? null,
    retentionMs: input.retentionMs ?? defaultQueueSettings.retentionMs,
    payloadRetentionMs: input.payloadRetentionMs ?? null,
    maxDepth: input.maxDepth ?? null,
    maxBytes: input.maxBytes ?? null,
    publishedEvents: input.publishedEvents ?? 'all',
    retry: {
      ...retry,
      nonRetryableCodes: retry.nonRetryableCodes ?? [],
      maxLosses: retry.maxLosses ?? maxLossesDefault,
    },
    flow: {
      paused: flow.paused ?? false,
      maxRunning: flow.maxRunning ?? null,
      maxRunningPerKey: flow.maxRunningPerKey ?? null,
      rate: flow.rate ?? null,
      fairnessWeights: flow.fairnessWeights ?? {},
    },
  };
}
