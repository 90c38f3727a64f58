/** Calls for the tenants of the cluster. */
import { deletionPhaseCodes, tenantStateCodes } from '../contract/codes.ts';
import type * as wire from '../contract/messages.ts';
import { timestampMs } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { numberOf, presentNumber } from '../contract/int64.ts';
import { given } from '../domain/given.ts';
import type { CallParts } from './call-parts.ts';
import { incompleteAnswer } from './client-error.ts';
import { resumedStream } from './resumed-stream.ts';
import { withRetries } from './retry.ts';

/** A tenant. */
export interface TenantInfo {
  /** Unique in the cluster. */
  readonly name: string;
  /** PAUSED: it can submit nothing, and none of its jobs starts. DELETING: it can do nothing. DELETED: only its name is left. */
  readonly state: 'ACTIVE' | 'PAUSED' | 'DELETING' | 'DELETED' | 'UNKNOWN';
  /** What it is for. */
  readonly description: string;
  /** What it may use at most. An absent quota is no limit. */
  readonly quotas: TenantQuotasInfo;
  /** Its share of the slots of a node while more jobs wait there than fit. */
  readonly weight: number;
  /** Whether only nodes that name it run its jobs. */
  readonly dedicated: boolean;
  /** Whether what its jobs carry is encrypted, whatever the configuration says. */
  readonly encrypted: boolean;
  /** Different after each change. */
  readonly etag: string;
  /** When it was made. */
  readonly createdAt: Date;
  /** Who made it. */
  readonly creator: string;
  /** When it came into its state. Absent if it was active ever since it was made. */
  readonly stateAt?: Date;
  /** Why it is paused. */
  readonly pauseReason?: string;
  /** From when on the name of a deleted tenant can be used again. */
  readonly nameFreeAt?: Date;
}

/** What a change of a tenant may name. What is absent stays as it is; of a new tenant, it has its default. */
export interface TenantChange {
  /** What it is for. */
  readonly description?: string;
  /** What it may use at most. Default: no limits. */
  readonly quotas?: TenantQuotasInfo;
  /** Its share of the slots of a node. 1 to 100. Default: 1. */
  readonly weight?: number;
  /** Whether only nodes that name it in `workers.tenants` run its jobs. Default: false. */
  readonly dedicated?: boolean;
  /** Whether what its new jobs carry is encrypted, whatever `encryption.required` says. Default: false. */
  readonly encrypted?: boolean;
}

/** What a tenant may use at most. In a change, an absent quota stays as it is, and 0 removes the limit. */
export interface TenantQuotasInfo {
  /** Jobs that each gateway accepts in a second, with bursts of as many. */
  readonly submitsPerSecond?: number;
  /** Open streams of each gateway. */
  readonly streams?: number;
  /** Queues. */
  readonly queues?: number;
  /** Service accounts. */
  readonly serviceAccounts?: number;
  /** Attempts that run at a time in the whole cluster. */
  readonly runningJobs?: number;
  /** Jobs that have not ended. */
  readonly unfinishedJobs?: number;
  /** Bytes that its jobs keep in the store and beside it, until their retention is over. */
  readonly storedBytes?: number;
}

/** A tenant and what it uses, in the words of its quotas. */
export interface TenantUseInfo extends TenantInfo {
  /** Submits and streams are those of the gateway that answers. */
  readonly use: Required<TenantQuotasInfo>;
}

/** How far a deletion is. The numbers are those of one call. */
export interface TenantDeletion {
  /** What it is doing. `settling`: it waits until every gateway surely refuses the tenant. */
  readonly phase: 'queues' | 'accounts' | 'settling' | 'done' | 'unknown';
  /** The queue that is being deleted. */
  readonly queue?: string;
  /** Jobs that were cancelled. */
  readonly jobsCancelled: number;
  /** Queues that were deleted. */
  readonly queuesDeleted: number;
  /** Service accounts that were deleted. */
  readonly accountsDeleted: number;
}

/** Calls about a tenant that nobody made reject with TENANT_NOT_FOUND. */
export interface TenantsClient {
  /** Makes a tenant. Rejects with TENANT_EXISTS. */
  create(name: string, tenant?: TenantChange): Promise<TenantInfo>;
  /** Returns a tenant. */
  get(name: string): Promise<TenantUseInfo>;
  /** Returns the tenant of the caller. */
  own(): Promise<TenantUseInfo>;
  /** Lists all tenants that were made, by name, ascending. */
  list(): AsyncGenerator<TenantInfo, void>;
  /** Changes what is given. Rejects with TENANT_CHANGED if the tenant no longer has the etag. */
  update(name: string, etag: string, change: TenantChange): Promise<TenantInfo>;
  /** Lets a tenant submit nothing any more, and starts none of its jobs. `reason` is shown to those who try. */
  pause(name: string, options?: { readonly reason?: string }): Promise<TenantInfo>;
  /** Ends the pause. */
  resume(name: string): Promise<TenantInfo>;
  /**
   * Deletes a tenant with its queues and service accounts. It takes 45 s at least. Yields the progress, and continues after a
   * lost connection. A deletion that was left half-way is gone on with by another call.
   */
  delete(name: string, options?: { readonly signal?: AbortSignal }): AsyncGenerator<TenantDeletion, void>;
}

export function createTenantsClient({ connection, contract, backoff }: CallParts): TenantsClient {
  const { tenants, access } = contract;

  async function* list(): AsyncGenerator<TenantInfo, void> {
    let pageToken = '';
    do {
      const request = { pageToken };
      const page = await withRetries(backoff, 'always', undefined, () =>
        connection.unary(tenants.ListTenants, request),
      );
      for (const tenant of page.tenants) yield fromTenant(tenant);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  /** Repeated only if nothing was done. */
  const change = <T>(call: () => Promise<T>): Promise<T> => withRetries(backoff, 'if-not-done', undefined, call);
  const read = <T>(call: () => Promise<T>): Promise<T> => withRetries(backoff, 'always', undefined, call);

  return {
    list,
    async create(name, { description = '', quotas, weight, dedicated, encrypted } = {}) {
      const request = { name, description, ...given({ quotas, weight, dedicated, encrypted }) };
      return tenantOf(await change(() => connection.unary(tenants.CreateTenant, request)));
    },
    async get(name) {
      return withUse(await read(() => connection.unary(tenants.GetTenant, { name })));
    },
    async own() {
      return withUse(await read(() => connection.unary(access.GetOwnTenant, {})));
    },
    async update(name, etag, { description, quotas, weight, dedicated, encrypted }) {
      const request = { name, etag, ...given({ description, quotas, weight, dedicated, encrypted }) };
      return tenantOf(await change(() => connection.unary(tenants.UpdateTenant, request)));
    },
    async pause(name, { reason = '' } = {}) {
      return tenantOf(await read(() => connection.unary(tenants.PauseTenant, { name, reason })));
    },
    async resume(name) {
      return tenantOf(await read(() => connection.unary(tenants.ResumeTenant, { name })));
    },
    async *delete(name, { signal } = {}) {
      const steps = resumedStream(backoff, {
        // What is left is found by looking: there is no place to continue from.
        open: () => connection.stream(tenants.DeleteTenant, { name }, { signal }),
        tokenOf: () => '',
        signal,
      });
      for await (const step of steps) yield fromStep(step);
    },
  };
}

function tenantOf({ tenant }: { readonly tenant: wire.Tenant | null }): TenantInfo {
  if (!tenant) throw incompleteAnswer('the gateway answered without a tenant');
  return fromTenant(tenant);
}

function withUse(answer: { readonly tenant: wire.Tenant | null; readonly use: wire.TenantUse | null }): TenantUseInfo {
  if (!answer.use) throw incompleteAnswer('the gateway answered without the use of the tenant');
  const { submitsPerSecond, streams, queues, serviceAccounts, runningJobs, unfinishedJobs, storedBytes } = answer.use;
  const jobs = { runningJobs, unfinishedJobs, storedBytes: numberOf(storedBytes) };
  return { ...tenantOf(answer), use: { submitsPerSecond, streams, queues, serviceAccounts, ...jobs } };
}

function fromTenant(tenant: wire.Tenant): TenantInfo {
  const { name, description, weight, dedicated, encrypted, etag, creator, quotas, pauseReason } = tenant;
  return {
    name,
    description,
    weight,
    dedicated,
    encrypted,
    etag,
    creator,
    state: wordOf(tenantStateCodes, tenant.state) ?? 'UNKNOWN',
    quotas: given({
      submitsPerSecond: quotas?.submitsPerSecond ?? undefined,
      streams: quotas?.streams ?? undefined,
      queues: quotas?.queues ?? undefined,
      serviceAccounts: quotas?.serviceAccounts ?? undefined,
      runningJobs: quotas?.runningJobs ?? undefined,
      unfinishedJobs: quotas?.unfinishedJobs ?? undefined,
      storedBytes: presentNumber(quotas, 'storedBytes'),
    }),
    createdAt: dateOf(tenant.createTime),
    ...given({
      stateAt: tenant.stateTime === null ? undefined : dateOf(tenant.stateTime),
      pauseReason: pauseReason === '' ? undefined : pauseReason,
      nameFreeAt: tenant.nameFreeTime === null ? undefined : dateOf(tenant.nameFreeTime),
    }),
  };
}

function fromStep(step: wire.DeleteTenantResponse): TenantDeletion {
  const { queue, jobsCancelled, queuesDeleted, accountsDeleted } = step;
  return {
    phase: wordOf(deletionPhaseCodes, step.phase) ?? 'unknown',
    ...given({ queue: queue === '' ? undefined : queue }),
    jobsCancelled,
    queuesDeleted,
    accountsDeleted,
  };
}

function dateOf(time: wire.Timestamp | null): Date {
  return new Date(timestampMs(time) ?? Number.NaN);
}
