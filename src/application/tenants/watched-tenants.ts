/**
 * What shards and workers have to know of all tenants. A process reads them all before a shard serves, and then every 10 s, when
 * somebody looks. So a change counts within 30 s, with or without NATS. While the store does not answer, what was read last
 * counts. A tenant that nobody made, or that is not known yet, is like one without any settings.
 */
import { given } from '../../domain/given.ts';
import { defaultTenantWeight, type Tenant } from '../../domain/tenant.ts';
import type { DocumentStore } from '../ports/document-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { tenantOf, tenantsScope } from './tenant-documents.ts';
import { documentPages } from '../storage/document-pages.ts';

interface WatchedTenant {
  /** None of its jobs starts. */
  readonly isStopped: boolean;
  readonly weight: number;
  /** Only nodes that name it take its jobs. */
  readonly isDedicated: boolean;
  /** Most attempts that run at a time in the whole cluster. Absent: any number. */
  readonly runningMax?: number;
  /** What its jobs carry is sealed. */
  readonly isEncrypted: boolean;
  /** It has a quota of stored bytes. */
  readonly countsStored: boolean;
}

export interface WatchedTenants {
  /** Reads the tenants unless they have been read. Rejects with what the store says. */
  prepare(): Promise<void>;
  /** Whether they were read since the process began. */
  isRead(): boolean;
  /** Reads the tenants again if that is due. Nobody waits for it. Call it each second. */
  look(): void;
  of(tenant: string): WatchedTenant;
  /** Counts the changes. */
  changes(): number;
  /** Calls the listener with each tenant that has changed, and what it was. Returns a function that ends it. */
  onChange(listener: TenantListener): () => void;
}

type TenantListener = (tenant: string, before: WatchedTenant) => void;

export interface WatchedTenantsParts {
  readonly documents: Pick<DocumentStore, 'listDocuments'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Logger;
}

const lookEveryMs = 10_000;
const plain: WatchedTenant = {
  isStopped: false,
  weight: defaultTenantWeight,
  isDedicated: false,
  isEncrypted: false,
  countsStored: false,
};

export function createWatchedTenants({ documents, clock, log }: WatchedTenantsParts): WatchedTenants {
  const listeners = new Set<TenantListener>();
  /** Those that differ from one without settings. */
  let known: ReadonlyMap<string, WatchedTenant> = new Map();
  let readAtMs = -Infinity;
  let changes = 0;
  let reading: Promise<void> | undefined;
  const of = (tenant: string): WatchedTenant => known.get(tenant) ?? plain;

  async function readAll(): Promise<void> {
    const sinceMs = clock.monotonicMs();
    const found = await tenantsWithSettings(documents);
    readAtMs = sinceMs;
    const before = known;
    known = found;
    for (const tenant of new Set([...before.keys(), ...found.keys()])) {
      const was = before.get(tenant) ?? plain;
      if (isSame(was, of(tenant))) continue;
      changes += 1;
      for (const listener of listeners) listener(tenant, was);
    }
  }

  function read(): Promise<void> {
    reading ??= readAll().finally(() => (reading = undefined));
    return reading;
  }

  return {
    of,
    changes: () => changes,
    isRead: () => readAtMs !== -Infinity,
    async prepare() {
      if (readAtMs === -Infinity) await read();
    },
    look() {
      if (reading !== undefined || clock.monotonicMs() - readAtMs < lookEveryMs) return;
      read().catch((error: unknown) => log.debug({ err: error }, 'tenants not read; tried again in a second'));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

async function tenantsWithSettings(
  documents: WatchedTenantsParts['documents'],
): Promise<ReadonlyMap<string, WatchedTenant>> {
  const found = new Map<string, WatchedTenant>();
  for await (const page of documentPages(documents, tenantsScope)) {
    for (const document of page) {
      const tenant = tenantOf(document);
      const watched = watchedOf(tenant);
      if (!isSame(watched, plain)) found.set(tenant.name, watched);
    }
  }
  return found;
}

function watchedOf({ state, quotas, ...tenant }: Tenant): WatchedTenant {
  const { weight = defaultTenantWeight, dedicated = false, encrypted = false } = tenant;
  const { runningJobs: runningMax, storedBytes } = quotas;
  return {
    isStopped: state !== 'ACTIVE',
    weight,
    isDedicated: dedicated,
    isEncrypted: encrypted,
    countsStored: storedBytes !== undefined,
    ...given({ runningMax }),
  };
}

function isSame(one: WatchedTenant, other: WatchedTenant): boolean {
  const { isStopped, weight, isDedicated, isEncrypted, countsStored, runningMax } = one;
  const isAlike = isStopped === other.isStopped && isDedicated === other.isDedicated;
  const isKept = isEncrypted === other.isEncrypted && countsStored === other.countsStored;
  return isAlike && isKept && weight === other.weight && runningMax === other.runningMax;
}
