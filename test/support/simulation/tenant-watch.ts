/**
 * Checks what tenants are promised: no more of their attempts run than their quota allows, and code of a dedicated tenant
 * runs only on nodes that name it. A change counts once every process has read it, and after `settleMs`. Until then any
 * setting counts that a process has had. A tenant has a quota from the beginning, or never.
 */
import type { CommitGroup } from '../../../src/application/ports/job-store.ts';
import type { Document } from '../../../src/application/ports/document-store.ts';
import type { Store } from '../../../src/application/ports/store.ts';
import { tenantOf } from '../../../src/application/tenants/tenant-documents.ts';
import { takesTenant } from '../../../src/domain/tenant-pool.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import type { Executions } from './executions.ts';
import type { Host } from './host.ts';
import type { RecordWatch } from './record-watch.ts';
import type { World } from './world.ts';

/** A grant is used for 10 s, an attempt that is not heard of is lost after 7 s, and the rest are messages on their way. */
const settleMs = 30_000;

/** What a process knows of a tenant. */
interface Known {
  readonly runningMax: number;
  readonly isDedicated: boolean;
}

interface Knowledge {
  readonly host: Host;
  readonly tenant: string;
  readonly known: Known;
  /** Infinity while it counts. */
  untilMs: number;
}

export interface TenantWatchParts {
  readonly world: World;
  readonly executions: Executions;
  readonly records: RecordWatch;
  /** What the node with this id says whose jobs it takes. */
  readonly listOf: (nodeId: string) => readonly string[] | undefined;
}

export class TenantWatch {
  readonly #parts: TenantWatchParts;
  readonly #knowledge: Knowledge[] = [];
  readonly #running = new Map<JobId, JobRecord>();

  constructor(parts: TenantWatchParts) {
    this.#parts = parts;
    parts.executions.onStart = (jobId, host) => {
      this.#checkNode(jobId, host);
    };
  }

  /** The store as the process has it, and whose answers are noted. */
  observe(host: Host, store: Store): Store {
    host.onKilled(() => {
      for (const one of this.#of(host)) one.untilMs = this.#parts.world.nowMs;
    });
    const { documents } = store;
    const listDocuments: typeof documents.listDocuments = async (scope, page) => {
      const found = await documents.listDocuments(scope, page);
      if (scope.collection === 'tenants') for (const document of found) this.#reads(host, document);
      return found;
    };
    return { ...store, documents: { ...documents, listDocuments } };
  }

  committed(group: CommitGroup): void {
    const changed = new Set<string>();
    for (const record of group.records) {
      changed.add(record.spec.tenant);
      if (record.run === undefined) this.#running.delete(record.id);
      else this.#running.set(record.id, record);
    }
    for (const tenant of changed) this.#checkRunning(tenant);
  }

  #checkRunning(tenant: string): void {
    const { world, executions } = this.#parts;
    let [count, newestMs] = [0, 0];
    for (const { id, run, spec } of this.#running.values()) {
      const execution = spec.tenant === tenant ? executions.get(`${id}#${run?.token ?? ''}`) : undefined;
      if (execution === undefined || execution.endedMs !== undefined) continue;
      count += 1;
      newestMs = Math.max(newestMs, execution.startedMs);
    }
    const most = Math.max(0, ...this.#since(tenant, newestMs - settleMs).map(({ runningMax }) => runningMax));
    if (count > most) world.violation(10, `${count} jobs of tenant ${tenant} run, ${most} may`);
  }

  #checkNode(jobId: JobId, hostName: string): void {
    const { world, records, listOf } = this.#parts;
    const tenant = records.newest(jobId)?.spec.tenant;
    if (tenant === undefined) return;
    const since = this.#since(tenant, world.nowMs - settleMs);
    const isDedicated = since.length > 0 && since.every((known) => known.isDedicated);
    if (takesTenant(listOf(hostName.split('#')[0] ?? ''), tenant, () => isDedicated)) return;
    world.violation(11, `${jobId} of tenant ${tenant} runs on ${hostName}, which does not take it`);
  }

  #reads(host: Host, document: Document): void {
    const { name: tenant, quotas, dedicated = false } = tenantOf(document);
    const known = { runningMax: quotas.runningJobs ?? Infinity, isDedicated: dedicated };
    for (const one of this.#of(host)) if (one.tenant === tenant) one.untilMs = this.#parts.world.nowMs;
    this.#knowledge.push({ host, tenant, known, untilMs: host.state === 'dead' ? 0 : Infinity });
  }

  #of(host: Host): readonly Knowledge[] {
    return this.#knowledge.filter((one) => one.host === host && one.untilMs === Infinity);
  }

  /** What processes have known since then. Of a tenant that has no settings, that is nothing in particular. */
  #since(tenant: string, sinceMs: number): readonly Known[] {
    const all = this.#knowledge.filter((one) => one.tenant === tenant);
    if (all.length === 0) return [{ runningMax: Infinity, isDedicated: false }];
    return all.filter(({ untilMs }) => untilMs >= sinceMs).map(({ known }) => known);
  }
}
