/**
 * Deletes a tenant. Nothing of what is done is noted but that it has begun: what is left is found by looking. So a call that
 * breaks off between any two steps, or a gateway that dies, leaves a tenant that is DELETING, and another call goes on.
 *
 * 1. The tenant becomes DELETING. From then on nothing of it is made (`tenant-room.ts`), within 30 s no gateway lets its callers
 *    in, and nothing of it starts.
 * 2. Queue by queue, its unfinished jobs are cancelled and the queue is deleted. Whether a queue is empty is decided by the
 *    shards (`delete-queue.ts`): so a job that another gateway accepts meanwhile is found, and cancelled too.
 * 3. Its event subscriptions end. Its service accounts are deleted, the keys of each before it, and the key of its fingerprints.
 * 4. Once every gateway surely refuses the tenant, and a look finds nothing left, the tenant becomes DELETED.
 *
 * The record of a deleted tenant stays and has its name, for as long as ended jobs of it can be in the store. Without it, the
 * next token that names the tenant would make it again where tenants need not be made; and whoever made it on purpose could
 * read what was left of the former one.
 */
import type { Principal } from '../../domain/access/principal.ts';
import { TroupeError } from '../../domain/errors.ts';
import { defaultTenant, type Queue } from '../../domain/queue.ts';
import { retentionRange } from '../../domain/setting-ranges.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { accountOf, keyPlace } from '../access/account-documents.ts';
import { createWakeUp } from '../calls/wake-up.ts';
import { removeSubscription } from '../events/manage-subscriptions.ts';
import { listOfTenant } from '../events/subscription-documents.ts';
import type { CancelJobs } from '../jobs/cancel-jobs.ts';
import type { JobFilter } from '../jobs/job-filter.ts';
import { ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import type { DocumentPlace, DocumentStore } from '../ports/document-store.ts';
import type { EventConsumers } from '../ports/event-consumers.ts';
import type { QueueQuarantines } from '../ports/queue-quarantines.ts';
import type { QueueStore } from '../ports/queue-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import type { DeleteQueue } from '../queues/delete-queue.ts';
import { fingerprintKeyPlace } from '../sealing/fingerprint-keys.ts';
import { changeTenant, type StoredTenantParts } from '../tenants/stored-tenants.ts';
import { countedQuotas, notesPlace } from '../tenants/tenant-room.ts';

export interface DeletionStep {
  readonly phase: 'queues' | 'accounts' | 'settling' | 'done';
  /** The queue that is being deleted. */
  readonly queue: string;
  readonly jobsCancelled: number;
  readonly queuesDeleted: number;
  readonly accountsDeleted: number;
}

/** Rejects with TENANT_NOT_FOUND, or with what the store and the shards say. Ends with the phase `done`. */
export type DeleteTenant = (context: ReadContext, name: string) => AsyncGenerator<DeletionStep, void>;

export interface DeleteTenantParts extends StoredTenantParts {
  readonly queues: Pick<QueueStore, 'listQueues'>;
  readonly cancelJobs: CancelJobs;
  readonly deleteQueue: DeleteQueue;
  readonly quarantines: Pick<QueueQuarantines, 'of' | 'clear'>;
  readonly consumers: Pick<EventConsumers, 'remove'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A gateway lets the tenant's callers in for 30 s (`known-tenants.ts`), and a call that makes something lasts 10 s. */
const settleMs = 45_000;
/** Between two looks, and between two messages while nothing happens. */
const lookMs = 1_000;
const pageMax = 100;
const notCancelledYet: JobFilter = {
  states: ['SCHEDULED', 'QUEUED', 'RUNNING', 'RETRYING'],
  handler: '',
  labels: {},
};
const reason = 'the tenant is being deleted';
/** The queue has jobs that are being cancelled, or that came meanwhile; or somebody else deletes it, too. */
const comesAgain: ReadonlySet<string> = new Set(['QUEUE_NOT_EMPTY', 'QUEUE_VERSION_CONFLICT', 'QUEUE_CLOSING']);
/** Somebody else has deleted it. */
const isGone: ReadonlySet<string> = new Set(['QUEUE_NOT_FOUND']);

/** One call, and what it has done. */
interface Deletion {
  readonly context: ReadContext;
  readonly tenant: Tenant;
  readonly sleep: (ms: number) => Promise<void>;
  jobsCancelled: number;
  queuesDeleted: number;
  accountsDeleted: number;
}

export function createDeleteTenant(parts: DeleteTenantParts): DeleteTenant {
  return async function* deleteTenant(context, name) {
    const { clock } = parts;
    ensureAwaited(context, clock.nowMs());
    refuseDefault(name);
    const act = { name, report: context.report };
    const { tenant } = await changeTenant(parts, act, (present) => deleting(present, clock.wallMs()));
    const wakeUp = createWakeUp(clock, context.signal);
    const sleep = async (ms: number): Promise<void> => {
      await wakeUp.sleep(ms);
      ensureAwaited(context, clock.nowMs());
    };
    const inside = { ...context, tenant: name, principal: insideOf(context.principal, name) };
    const deletion: Deletion = {
      context: inside,
      tenant,
      sleep,
      jobsCancelled: 0,
      queuesDeleted: 0,
      accountsDeleted: 0,
    };
    try {
      yield* untilNothingIsLeft(parts, deletion);
    } finally {
      wakeUp.close();
    }
    await changeTenant(parts, act, (present) => deleted(present, clock.wallMs()));
    parts.log.info({ event: 'tenant.deleted', tenant: name, by: context.principal.id }, 'a tenant was deleted');
    yield stepOf(deletion, 'done');
  };
}

function refuseDefault(name: string): void {
  if (name !== defaultTenant) return;
  const description = `must not be ${defaultTenant}, which is always there`;
  throw new TroupeError('INVALID_ARGUMENT', { violations: [{ field: 'name', description }] });
}

/** One that is deleted is looked through again: a call of long ago may have made something after all. */
function deleting(tenant: Tenant, nowMs: number): Tenant {
  if (tenant.state === 'DELETING' || tenant.state === 'DELETED') return tenant;
  const { pauseReason: _, ...rest } = tenant;
  return { ...rest, state: 'DELETING', stateSinceMs: nowMs };
}

function deleted(tenant: Tenant, nowMs: number): Tenant {
  if (tenant.state === 'DELETED') return tenant;
  return {
    ...tenant,
    state: 'DELETED',
    quotas: {},
    stateSinceMs: nowMs,
    nameTakenUntilMs: nowMs + retentionRange.max,
  };
}

/** The administrator, as somebody of the tenant who sees all its queues. */
function insideOf(principal: Principal, tenant: string): Principal {
  return { ...principal, tenant, onlyIn: new Map() };
}

function stepOf(deletion: Deletion, phase: DeletionStep['phase'], queue = ''): DeletionStep {
  const { jobsCancelled, queuesDeleted, accountsDeleted } = deletion;
  return { phase, queue, jobsCancelled, queuesDeleted, accountsDeleted };
}

/** Every look goes through everything. The last one began when every gateway refused the tenant, and found nothing. */
async function* untilNothingIsLeft(parts: DeleteTenantParts, deletion: Deletion): AsyncGenerator<DeletionStep, void> {
  const { clock, queues } = parts;
  const { tenant, sleep } = deletion;
  // Not from when the tenant became DELETING, which the clock of another gateway may have told.
  const begunMs = clock.monotonicMs();
  for (;;) {
    const isSettled = tenant.state === 'DELETED' || clock.monotonicMs() - begunMs >= settleMs;
    const found = await queues.listQueues(tenant.name);
    for (const queue of found) yield* withoutQueue(parts, deletion, queue);
    const subscriptions = await withoutSubscriptions(parts, tenant.name);
    const accounts = await withoutAccounts(parts, tenant.name);
    deletion.accountsDeleted += accounts;
    if (accounts > 0) yield stepOf(deletion, 'accounts');
    for (const place of singlesOf(tenant.name)) await withoutDocument(parts.documents, place);
    if (found.length + subscriptions + accounts === 0 && isSettled) return;
    yield stepOf(deletion, 'settling');
    await sleep(lookMs);
  }
}

async function* withoutQueue(
  { cancelJobs, deleteQueue, quarantines }: DeleteTenantParts,
  deletion: Deletion,
  { tenant, name: queue }: Queue,
): AsyncGenerator<DeletionStep, void> {
  const { context, sleep } = deletion;
  for (;;) {
    try {
      for await (const { done } of cancelJobs(context, { queue, filter: notCancelledYet, pageToken: '', reason })) {
        deletion.jobsCancelled += done;
        yield stepOf(deletion, 'queues', queue);
      }
      if (quarantines.of(tenant, queue).length > 0) await quarantines.clear(tenant, queue);
      await deleteQueue(context, queue);
      deletion.queuesDeleted += 1;
      yield stepOf(deletion, 'queues', queue);
      return;
    } catch (error) {
      const code = error instanceof TroupeError ? error.code : '';
      if (isGone.has(code)) return;
      if (!comesAgain.has(code)) throw error;
    }
    yield stepOf(deletion, 'queues', queue);
    await sleep(lookMs);
  }
}

/** How many were there. The keys of an account go first: what a crash leaves is an account whose keys nobody accepts. */
async function withoutAccounts({ documents }: DeleteTenantParts, tenant: string): Promise<number> {
  let count = 0;
  for (;;) {
    const scope = { collection: 'service-accounts', scope: tenant } as const;
    const page = await documents.listDocuments(scope, { after: '', most: pageMax });
    for (const account of page) {
      for (const { id } of accountOf(account).keys) await withoutDocument(documents, keyPlace(id));
      await withoutDocument(documents, account);
    }
    count += page.length;
    if (page.length < pageMax) return count;
  }
}

/** How many were there. A gateway removes what a crash leaves of their consumers (`subscription-upkeep.ts`). */
async function withoutSubscriptions(parts: DeleteTenantParts, tenant: string): Promise<number> {
  const page = await listOfTenant(parts.documents, tenant, pageMax);
  for (const subscription of page) await removeSubscription(parts, subscription);
  return page.length;
}

/** What the tenant has one of, and nobody uses but those who make something or submit. */
function singlesOf(tenant: string): readonly DocumentPlace[] {
  return [...countedQuotas.map((quota) => notesPlace(tenant, quota)), fingerprintKeyPlace(tenant)];
}

/** Somebody may change it meanwhile: a key that is used, a role that is taken. */
async function withoutDocument(documents: DocumentStore, place: DocumentPlace): Promise<void> {
  for (;;) {
    const present = await documents.findDocument(place);
    if (present === undefined) return;
    const outcome = await documents.removeDocument(place, { expectedRevision: present.revision });
    if (outcome !== 'conflict') return;
  }
}
