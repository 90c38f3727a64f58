/** Changes the cluster, or profiles the code that it runs. For operators only. */
import type * as wire from '../../contract/messages.ts';
import { TroupeError } from '../../domain/errors.ts';
import { namePattern } from '../../domain/queue.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import type { Range } from '../../domain/setting-ranges.ts';
import type { JobReader } from '../jobs/job-reader.ts';
import type { QueueView, QueueViews } from '../queues/queue-views.ts';
import type { QueueQuarantines } from '../ports/queue-quarantines.ts';
import { profileMaxMs, profileMinMs } from '../ports/run-pool.ts';
import type { Clock } from '../ports/runtime.ts';
import type { NodesAsker } from '../protocol/ask-nodes.ts';

const profileDefaultMs = 5_000;
const profileRange: Range = { min: profileMinMs, max: profileMaxMs, text: '1 s to 60 s' };
/** Time beyond that of the profile itself, to start it, end it and transfer it. */
const profileSlackMs = 15_000;
/** Time to fetch one part of a finished profile. */
const partMaxMs = 5_000;
/** Time for a node to confirm that its drain has begun. */
const drainMaxMs = 3_000;
const reasonMax = 256;

export interface SteerCluster {
  /** Resolves when the drain has begun. */
  drain(context: CallContext, node: string): Promise<wire.Node>;
  quarantine(context: CallContext, order: { readonly queue: string; readonly reason: string }): Promise<QueueView>;
  resume(context: CallContext, queue: string): Promise<QueueView>;
  /** Yields the parts of a `.cpuprofile`, in order. */
  profile(
    context: CallContext,
    order: { readonly jobId: string; readonly durationMs: number | undefined },
  ): AsyncGenerator<Uint8Array, void>;
}

export interface SteerClusterParts {
  readonly asker: NodesAsker;
  readonly quarantines: QueueQuarantines;
  readonly queueViews: QueueViews;
  readonly reader: JobReader;
  readonly clock: Clock;
}

export function createSteerCluster(parts: SteerClusterParts): SteerCluster {
  const { asker, quarantines, queueViews, clock } = parts;

  return {
    async drain(context, nodeId) {
      ensureAwaited(context, clock.nowMs());
      check((checks) => {
        checks.pattern('node', nodeId, namePattern);
      });
      // Throws NODE_NOT_FOUND.
      asker.members(nodeId);
      return asker.ask(nodeId, 'drain', null, asker.timeoutMs(context, drainMaxMs));
    },

    async quarantine(context, { queue, reason }) {
      ensureAwaited(context, clock.nowMs());
      check((checks) => {
        checks.pattern('queue', queue, namePattern);
        if (reason === '') checks.add('reason', 'is required');
        checks.length('reason', reason, reasonMax);
      });
      const { tenant } = context;
      await queueViews.find(tenant, queue);
      await quarantines.put({ tenant, queue, reason, sinceMs: clock.nowMs() });
      return queueViews.find(tenant, queue);
    },

    async resume(context, queue) {
      ensureAwaited(context, clock.nowMs());
      check((checks) => {
        checks.pattern('queue', queue, namePattern);
      });
      await queueViews.find(context.tenant, queue);
      await quarantines.clear(context.tenant, queue);
      return queueViews.find(context.tenant, queue);
    },

    async *profile(context, { jobId, durationMs = profileDefaultMs }) {
      ensureAwaited(context, clock.nowMs());
      check((checks) => {
        checks.range('duration', durationMs, profileRange);
      });
      const run = await runningRun(parts, context, jobId);
      const timeoutMs = asker.timeoutMs(context, durationMs + profileSlackMs);
      const question = { jobId: run.jobId, token: run.token, durationMs };
      const { profileId, parts: count } = await asker.ask(run.node, 'profile', question, timeoutMs);
      for (let part = 0; part < count; part += 1) {
        ensureAwaited(context, clock.nowMs());
        const { base64 } = await asker.ask(run.node, 'profilePart', { profileId, part }, partMaxMs);
        yield Buffer.from(base64, 'base64');
      }
    },
  };
}

function check(look: (checks: FieldChecks) => void): void {
  const checks = new FieldChecks();
  look(checks);
  checks.ensureNone();
}

/** The attempt that is running now. Rejects with JOB_STATE_FORBIDS if none is. */
async function runningRun({ reader }: SteerClusterParts, context: CallContext, jobId: string) {
  const { record } = await reader.read(context, jobId);
  const { run, state, id } = record;
  if (state !== 'RUNNING' || run === undefined) {
    throw new TroupeError('JOB_STATE_FORBIDS', {
      message: `the job is ${state}; only a running job can be profiled`,
      metadata: { jobId: id, state },
    });
  }
  return { jobId: id, token: run.token, node: run.node };
}
