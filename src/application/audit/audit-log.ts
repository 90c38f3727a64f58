/**
 * The audit log of this process: one chain for each scope and day. A call has both its rows in the chain of the day on which
 * it began. Yesterday's chains end when their last call has.
 *
 * The head of each chain is told when it ends: who has it can show that later rows are missing.
 */
import { dayOf } from '../../domain/audit/audit-day.ts';
import type { ActedJobs, AuditedCall, FieldChange } from '../../domain/audit/audit-entry.ts';
import { type ErrorCode, TroupeError } from '../../domain/errors.ts';
import type { AuditStore } from '../ports/audit-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { AuditChain, type AuditTicket, HeldRows } from './audit-chain.ts';

export interface AuditLogParts {
  readonly store: AuditStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Names the chains of this process, with a number once its clock was set back. Never used before. */
  readonly writer: string;
  readonly retentionMs: number;
}

export interface AuditOutcome {
  readonly code: ErrorCode | 'OK';
  readonly changes?: readonly FieldChange[];
  readonly jobs?: ActedJobs;
}

export interface AuditLog {
  /** Records that a call is about to run. Undefined if there is no room. */
  begin(scope: string, call: AuditedCall): AuditTicket | undefined;
  /** Records how it ended. Once for each call that began. */
  settle(intent: AuditTicket, outcome: AuditOutcome): AuditTicket | undefined;
  deny(scope: string, call: AuditedCall, code: ErrorCode): AuditTicket | undefined;
  denyMore(scope: string, code: ErrorCode, count: number): void;
  /** Ends the chains, and resolves when that is stored, at the latest after `timeoutMs`. Nothing may be recorded after it. */
  close(timeoutMs: number): Promise<void>;
}

/** Rows held for a store that does not answer: some MB. */
export const heldRowsMax = 4_096;
/** Tenants with entries on one day, of which each has a chain in memory. */
export const chainsMax = 10_000;
const rollMs = 60_000;
/** A clock that was set back by no more goes on in the day, and at the time, that it has reached. */
const clockBackMaxMs = 3_600_000;

export function clusterScope(): string {
  return 'cluster';
}

export function tenantScope(tenant: string): string {
  return `tenant/${tenant}`;
}

export function createAuditLog(parts: AuditLogParts): AuditLog {
  const { clock, log } = parts;
  const chainParts = { ...parts, held: new HeldRows(heldRowsMax) };
  /** Of today, by scope. */
  const chains = new Map<string, AuditChain>();
  /** Of the days before, as long as calls are under way that began then. */
  const former = new Set<AuditChain>();

  let isClosed = false;
  const days = new SteadyDays(clock);

  const end = async (chain: AuditChain): Promise<void> => {
    chain.add({ kind: 'end' });
    await chain.idle();
    const { scope, day, writer, rows, hash } = chain.head;
    log.info({ event: 'audit.head', scope, day, writer, rows, hash }, 'a chain of the audit log ended');
  };

  function chainOf(scope: string): AuditChain | undefined {
    if (isClosed) return undefined;
    const day = today();
    const present = chains.get(scope);
    if (present?.day === day) return present;
    if (present !== undefined) retire(scope, present);
    if (chains.size >= chainsMax) return undefined;
    const writer = days.setBack === 0 ? parts.writer : `${parts.writer}-${days.setBack}`;
    const chain = new AuditChain(chainParts, { scope, day }, writer);
    chains.set(scope, chain);
    return chain;
  }

  /** All chains end when the clock was set back. */
  function today(): string {
    const { setBack } = days;
    const day = days.today();
    if (days.setBack > setBack) for (const [scope, chain] of chains) retire(scope, chain);
    return day;
  }

  function retire(scope: string, chain: AuditChain): void {
    chains.delete(scope);
    if (chain.openCalls > 0) former.add(chain);
    else void end(chain);
  }

  let cancelRoll: () => void = () => undefined;
  const roll = (): void => {
    const day = today();
    for (const [scope, chain] of chains) if (chain.day < day) retire(scope, chain);
    cancelRoll = clock.setTimer(rollMs, roll);
  };
  cancelRoll = clock.setTimer(rollMs, roll);

  return {
    begin(scope, call) {
      const chain = chainOf(scope);
      const ticket = chain?.add({ kind: 'intent', call });
      if (ticket !== undefined) ticket.chain.openCalls += 1;
      return ticket;
    },
    settle(intent, outcome) {
      const { chain } = intent;
      const ticket = chain.add({ kind: 'outcome', of: intent, ...outcome });
      chain.openCalls -= 1;
      if (chain.openCalls === 0 && former.delete(chain)) void end(chain);
      return ticket;
    },
    deny: (scope, call, code) => chainOf(scope)?.add({ kind: 'denied', call, code }),
    denyMore: (scope, code, count) => void chainOf(scope)?.add({ kind: 'more-denied', code, count }),
    async close(timeoutMs) {
      cancelRoll();
      isClosed = true;
      const all = [...chains.values(), ...former];
      chains.clear();
      former.clear();
      const isStored = await inTime(clock, timeoutMs, Promise.all(all.map(end)));
      if (!isStored) log.warn({ event: 'audit.unfinished' }, 'the last entries of the audit log may not be stored');
    },
  };
}

/** Days that never fall, unless the clock was set back by much. */
class SteadyDays {
  readonly #clock: Clock;
  #latestMs: number;
  /** How often it was. Who has ended its chain of a day takes another name, since it may come to that day again. */
  setBack = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#latestMs = clock.wallMs();
  }

  today(): string {
    const wallMs = this.#clock.wallMs();
    if (wallMs < this.#latestMs - clockBackMaxMs) {
      this.setBack += 1;
      this.#latestMs = wallMs;
    }
    this.#latestMs = Math.max(this.#latestMs, wallMs);
    return dayOf(this.#latestMs);
  }
}

function inTime(clock: Clock, timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(timeoutMs, () => resolve(false));
    work.finally(cancel).then(() => resolve(true), reject);
  });
}

export function auditUnavailable(cause: unknown): TroupeError {
  return new TroupeError('AUDIT_UNAVAILABLE', { cause });
}
