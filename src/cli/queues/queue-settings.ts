/** Settings of a queue in a file, as the client takes them. */
import type { FlowInput, QueueSettingsInput } from '../../client/index.ts';
import type { DeclaredQueue } from '../../contract/declared-queues.ts';
import { given } from '../../domain/given.ts';

export function settingsOf(read: DeclaredQueue): QueueSettingsInput {
  const { retry, flow } = read;
  return given({
    executionTimeoutMs: read.executionTimeout,
    heartbeatTimeoutMs: read.heartbeatTimeout,
    retentionMs: read.retention,
    payloadRetentionMs: read.payloadRetention,
    maxDepth: read.maxDepth,
    maxBytes: read.maxBytes,
    publishedEvents: read.publishedEvents,
    retry:
      retry &&
      given({
        maxAttempts: retry.maxAttempts,
        maxLosses: retry.maxLosses,
        initialDelayMs: retry.initialDelay,
        coefficient: retry.coefficient,
        maxDelayMs: retry.maxDelay,
        nonRetryableCodes: retry.nonRetryableCodes,
      }),
    flow: flow && flowOf(flow),
  });
}

function flowOf({ rate, ...flow }: NonNullable<DeclaredQueue['flow']>): FlowInput {
  if (!rate) return given(flow);
  const { perSecond, burst } = rate;
  return { ...given(flow), rate: perSecond === null ? null : { perSecond, ...given({ burst }) } };
}
