/** Valid specs and records. A test overrides only the fields that it is about. */
import type { JobRecord, JobSpec } from '../../src/domain/job.ts';
import { composeJobId } from '../../src/domain/job-id.ts';
import { acceptJob } from '../../src/domain/transitions.ts';

export function testSpec(overrides: Partial<JobSpec> = {}): JobSpec {
  return {
    tenant: 'default',
    queue: 'default',
    queueNo: 1,
    handler: 'test.echo',
    input: { kind: 'json', json: '{}' },
    executionTimeoutMs: 60_000,
    retry: { maxAttempts: 3, initialMs: 1_000, coefficient: 2, maxMs: 60_000 },
    retentionMs: 3_600_000,
    ...overrides,
  };
}

export function testRecord(
  overrides: Partial<JobSpec> = {},
  options: { readonly nowMs?: number; readonly shard?: number; readonly unique?: bigint } = {},
): JobRecord {
  const nowMs = options.nowMs ?? 1_700_000_000_000;
  const spec = testSpec(overrides);
  const parts = { createdAtMs: nowMs, shard: options.shard ?? 0, queueNo: spec.queueNo };
  return acceptJob({ id: composeJobId(parts, options.unique ?? 1n), spec, nowMs });
}
