/**
 * Submits all ended jobs that a filter finds again, at a limited rate. Each copy has an idempotency key made of the
 * operation and the job, so an operation that is continued or repeated makes no second copy.
 *
 * Each copy counts as a submit with the input that it loads, so it may be refused as OVERLOADED, and is tried again.
 * What one operation itself loads at a time is bounded: further copies wait.
 */
import { randomUUID } from 'node:crypto';
import { isTerminal, terminalStates } from '../../domain/job.ts';
import { namePattern } from '../../domain/queue.ts';
import { type BulkJobsParts, type BulkQuery, type BulkStep, forEachJob } from './bulk-jobs.ts';
import type { ReadContext } from '../ports/call-context.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { createLoadingRoom } from './loading-room.ts';
import type { RetryJob } from './retry-job.ts';

/** Bytes of inputs that one operation holds at a time. A larger input is loaded alone. */
const heldMaxBytes = 16 * 1_048_576;
const perSecondDefault = 100;
const perSecondRange = { min: 1, max: 10_000, text: '1 to 10,000', integer: true };

interface RedriveQuery extends BulkQuery {
  /** Jobs per second. 0 means the default of 100. */
  readonly perSecond: number;
  /** Identifies the operation. If empty, a new id is generated. */
  readonly redriveId: string;
  /** Runs the submit of a copy while it holds so many bytes. Throws if there is no room for them. */
  readonly admit: <T>(bytes: number, submit: () => Promise<T>) => Promise<T>;
}

export type RedriveJobs = (
  context: ReadContext,
  query: RedriveQuery,
) => AsyncGenerator<BulkStep & { readonly redriveId: string }, void>;

export function createRedriveJobs(parts: BulkJobsParts & { readonly retryJob: RetryJob }): RedriveJobs {
  return async function* redriveJobs(context, query) {
    const redriveId = query.redriveId === '' ? randomUUID() : query.redriveId;
    const perSecond = query.perSecond === 0 ? perSecondDefault : query.perSecond;
    check(query, redriveId, perSecond);
    const keyOfCopy = `redrive:${redriveId}:`;
    const room = createLoadingRoom(heldMaxBytes);
    const steps = forEachJob(parts, context, query, {
      states: ['FAILED', 'EXPIRED'],
      perSecond,
      isOwn: ({ spec }) => spec.idempotencyKey?.startsWith(keyOfCopy) === true,
      act(record) {
        const bytes = parts.retryJob.holds(record);
        const copy = { idempotencyKey: `${keyOfCopy}${record.id}` };
        return room.within(bytes, () => query.admit(bytes, () => parts.retryJob.again(context, record, copy)));
      },
    });
    for await (const step of steps) yield { ...step, redriveId };
  };
}

function check({ filter, pageToken, redriveId: given }: RedriveQuery, redriveId: string, perSecond: number): void {
  const checks = new FieldChecks();
  checks.pattern('redrive_id', redriveId, namePattern);
  checks.range('rate_per_second', perSecond, perSecondRange);
  if (pageToken !== '' && given === '') checks.add('redrive_id', 'is required to continue an operation');
  filter.states.forEach((state, index) => {
    if (!isTerminal(state)) checks.add(`filter.states[${index}]`, `must be one of ${terminalStates.join(', ')}`);
  });
  checks.ensureNone();
}
