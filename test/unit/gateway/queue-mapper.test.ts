/** What an update of a queue changes, by its mask. */
import { describe, expect, it } from 'vitest';
import { type Init, loadContract } from '../../../src/contract/codec.ts';
import type * as wire from '../../../src/contract/messages.ts';
import { toTime } from '../../../src/contract/time.ts';
import { type FieldViolation, TroupeError } from '../../../src/domain/errors.ts';
import { defaultQueueSettings } from '../../../src/domain/queue.ts';
import { fromSettings } from '../../../src/gateway/queue-mapper.ts';

const { UpdateQueue } = loadContract().queues;

/** As it arrives: what was not sent is as the codec makes it. */
function asked(settings: Init<wire.QueueSettings>, ...paths: readonly string[]): unknown {
  const request = { settings, ...(paths.length > 0 && { updateMask: { paths } }) };
  const arrived = UpdateQueue.requestDeserialize(UpdateQueue.requestSerialize(request));
  return JSON.parse(JSON.stringify(fromSettings(arrived.settings, arrived.updateMask)));
}

function refusalOf(...question: Parameters<typeof asked>): readonly FieldViolation[] {
  try {
    asked(...question);
    return [];
  } catch (error) {
    return TroupeError.from(error).violations;
  }
}
const violationsOf = (...question: Parameters<typeof asked>): readonly string[] =>
  refusalOf(...question).map(({ field }) => field);

describe('settings of an update', () => {
  it('are those that are present, where there is no mask', () => {
    expect(asked({ maxDepth: 7, retry: { maxAttempts: 2 }, flow: { fairnessWeights: { gold: 3 } } })).toEqual({
      maxDepth: 7,
      retry: { maxAttempts: 2 },
      flow: { fairnessWeights: { gold: 3 } },
    });
    expect(asked({ flow: { paused: true } })).toEqual({ flow: { paused: true } });
  });

  it('are those that the mask names, with the default of what is absent', () => {
    const { retry, executionTimeoutMs } = defaultQueueSettings;
    expect(asked({ maxDepth: 7, maxBytes: 9, retention: toTime(90_000) }, 'max_depth', 'execution_timeout')).toEqual({
      maxDepth: 7,
      executionTimeoutMs,
      retry: {},
      flow: {},
    });
    const cleared = asked({}, 'heartbeat_timeout', 'payload_retention', 'max_bytes', 'retry', 'flow.rate');
    expect(cleared).toMatchObject({ heartbeatTimeoutMs: 0, payloadRetentionMs: 0, maxBytes: 0 });
    expect(cleared).toMatchObject({ retry: { ...retry, nonRetryableCodes: [] }, flow: { rate: { perSecond: 0 } } });
    expect(asked({}, 'flow')).toMatchObject({ flow: { paused: false, maxRunning: 0, fairnessWeights: {} } });
  });

  it('say which events are published, in words', () => {
    expect(asked({ publishedEvents: 2 })).toMatchObject({ publishedEvents: 'ends' });
    expect(asked({ publishedEvents: 2 }, 'published_events')).toMatchObject({ publishedEvents: 'ends' });
    expect(asked({}, 'published_events')).toMatchObject({ publishedEvents: 'all' });
    expect(asked({ publishedEvents: 0 })).not.toHaveProperty('publishedEvents', expect.anything());
    expect(refusalOf({ publishedEvents: 3 })).toEqual([
      { field: 'settings.published_events', description: 'unknown value 3' },
    ]);
  });

  it('have a default that follows the delay that is stated beside it', () => {
    const short = { maxDelay: toTime(500) };
    expect(asked({ retry: short }, 'retry')).toMatchObject({ retry: { initialMs: 500, maxMs: 500 } });
    const long = { initialDelay: toTime(90_000) };
    expect(asked({ retry: long }, 'retry')).toMatchObject({ retry: { initialMs: 90_000, maxMs: 90_000 } });
    expect(asked({ retry: short }, 'retry.initial_delay')).toMatchObject({ retry: { initialMs: 1_000 } });
  });

  it('are those that are present, where the mask names none', () => {
    const arrived = UpdateQueue.requestDeserialize(
      UpdateQueue.requestSerialize({ settings: { maxDepth: 7 }, updateMask: { paths: [] } }),
    );
    expect(fromSettings(arrived.settings, arrived.updateMask)).toMatchObject({ maxDepth: 7 });
  });

  it('that the mask cannot name are refused', () => {
    expect(violationsOf({}, 'max_depth', 'max_size', '*', 'flow.rate.burst')).toEqual(
      Array.from({ length: 3 }, () => 'update_mask'),
    );
  });

  it('say with each 0 which path of the mask takes the limit away', () => {
    const zeros = { heartbeatTimeout: toTime(0), payloadRetention: toTime(0), maxDepth: 0, maxBytes: 0 };
    const flow = { maxRunning: 0, maxRunningPerKey: 0, rate: { perSecond: 0 } };
    const paths = refusalOf({ ...zeros, flow }).map(
      ({ description }) => /leave ([a-z._]+) absent/.exec(description)?.[1],
    );
    expect(paths).toHaveLength(7);
    expect(refusalOf({}, ...paths.map(String))).toEqual([]);
  });

  it('are never 0 to say none', () => {
    const zeros = { heartbeatTimeout: toTime(0), payloadRetention: toTime(0), maxDepth: 0, maxBytes: 0 };
    const flow = { maxRunning: 0, maxRunningPerKey: 0, rate: { perSecond: 0 } };
    expect(violationsOf({ ...zeros, flow })).toEqual([
      'settings.heartbeat_timeout',
      'settings.payload_retention',
      'settings.max_depth',
      'settings.max_bytes',
      'settings.flow.max_running',
      'settings.flow.max_running_per_key',
      'settings.flow.rate.per_second',
    ]);
  });
});
