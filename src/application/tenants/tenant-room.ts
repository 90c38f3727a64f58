/**
 * Keeps what a tenant makes within its quotas of queues and service accounts, exactly, however many gateways make some at the
 * same time. Where there is a quota, whoever makes one notes its name first, in a document of the tenant and quota, and counts
 * the names that are there and those that are noted. The note is changed on condition that nobody else has changed it since it
 * was read, and it is read before what is there is counted: so of two that would make the last one, the second counts the
 * first.
 *
 * A crash after the note leaves a name that counts for a minute. Nothing that is made takes longer than that.
 *
 * A tenant without the quota costs one read of its record, from the store and not from memory: so nothing is made any more of a
 * tenant that is being deleted.
 */
import { randomUUID } from 'node:crypto';
import { TroupeError } from '../../domain/errors.ts';
import type { TenantQuota } from '../../domain/tenant.ts';
import type { Document, DocumentPlace, DocumentStore } from '../ports/document-store.ts';
import type { Clock } from '../ports/runtime.ts';
import type { QuotaAlarms } from './quota-alarms.ts';
import { tenantOf, tenantPlace } from './tenant-documents.ts';

/** Quotas of what is made and deleted. */
export const countedQuotas = ['queues', 'serviceAccounts'] as const satisfies readonly TenantQuota[];
type CountedQuota = (typeof countedQuotas)[number];

interface Making {
  readonly tenant: string;
  readonly quota: CountedQuota;
  /** What is made. If it is there already, nothing is counted. */
  readonly name: string;
  /** The names of what is there now. */
  readonly existing: () => Promise<readonly string[]>;
}

export interface TenantRoom {
  /** Makes something. Rejects with LIMIT_REACHED, or with TENANT_DELETING. */
  within<T>(making: Making, make: () => Promise<T>): Promise<T>;
}

export interface TenantRoomParts {
  readonly documents: DocumentStore;
  readonly alarms: QuotaAlarms;
  readonly clock: Pick<Clock, 'nowMs'>;
}

interface Note {
  readonly id: string;
  readonly name: string;
  readonly untilMs: number;
}

const noteMs = 60_000;
const conflictsMax = 16;
/** Names that are noted at a time, so that they fit into a document. */
const notesMax = 200;
const version = 1;

export function notesPlace(tenant: string, quota: CountedQuota): DocumentPlace {
  return { collection: 'tenants', scope: 'notes', name: `${tenant}/${quota}` };
}

export function createTenantRoom(parts: TenantRoomParts): TenantRoom {
  const { documents } = parts;

  async function limitOf({ tenant, quota }: Making): Promise<number | undefined> {
    const document = await documents.findDocument(tenantPlace(tenant));
    if (document === undefined) return undefined;
    const { state, quotas } = tenantOf(document);
    if (state === 'ACTIVE' || state === 'PAUSED') return quotas[quota];
    throw new TroupeError('TENANT_DELETING', { metadata: { tenant } });
  }

  return {
    async within(making, make) {
      const limit = await limitOf(making);
      if (limit === undefined) return make();
      const note = await noted(parts, making, limit);
      if (note === undefined) return make();
      try {
        return await make();
      } finally {
        // It counts for a minute at most, so nobody waits for it.
        changeNotes(parts, making, (notes) => notes.filter(({ id }) => id !== note.id)).catch(() => undefined);
      }
    },
  };
}

/** Undefined if what has this name is there already: then making it adds nothing. */
async function noted(parts: TenantRoomParts, making: Making, limit: number): Promise<Note | undefined> {
  const { alarms, clock } = parts;
  const { tenant, quota, name } = making;
  const note: Note = { id: randomUUID(), name, untilMs: clock.nowMs() + noteMs };
  const isNoted = await changeNotes(parts, making, async (notes) => {
    const names = new Set(await making.existing());
    if (names.has(name)) return notes;
    if (notes.length >= notesMax) throw tooMany(making);
    for (const other of notes) names.add(other.name);
    // Somebody else makes the same one just now.
    names.delete(name);
    const use = { tenant, quota, used: names.size, limit };
    if (names.size >= limit) {
      alarms.refused(use);
      throw limitReached(making, limit, names.size);
    }
    alarms.admitted({ ...use, used: names.size + 1 });
    return [...notes, note];
  });
  return isNoted ? note : undefined;
}

/** Decides from the notes that count, and again when somebody else was faster. False if nothing changes. */
async function changeNotes(
  { documents, clock }: TenantRoomParts,
  making: Making,
  change: (notes: readonly Note[]) => readonly Note[] | Promise<readonly Note[]>,
): Promise<boolean> {
  const place = notesPlace(making.tenant, making.quota);
  for (let tries = 1; tries <= conflictsMax; tries += 1) {
    const document = await documents.findDocument(place);
    const notes = notesOf(document).filter(({ untilMs }) => untilMs > clock.nowMs());
    const changed = await change(notes);
    if (changed === notes) return false;
    const body = JSON.stringify({ version, notes: changed });
    if (document === undefined) {
      if ((await documents.createDocument(place, body)).outcome === 'created') return true;
    } else {
      const { outcome } = await documents.replaceDocument(place, { body, expectedRevision: document.revision });
      if (outcome === 'replaced') return true;
    }
  }
  throw tooMany(making);
}

function tooMany({ tenant, quota }: Making): TroupeError {
  const message = `too many make ${quota} of tenant ${tenant} at the same time`;
  return new TroupeError('OVERLOADED', { message, retryAfterMs: 1_000 });
}

function notesOf(document: Document | undefined): readonly Note[] {
  return document === undefined ? [] : (JSON.parse(document.body) as { readonly notes: readonly Note[] }).notes;
}

function limitReached({ tenant, quota }: Making, limit: number, used: number): TroupeError {
  const what = quota === 'queues' ? 'queues' : 'service accounts';
  const message = `tenant ${tenant} has ${used} ${what}; its quota is ${limit}`;
  return new TroupeError('LIMIT_REACHED', {
    message,
    metadata: { quota, limit: String(limit), used: String(used) },
  });
}
