/**
 * Records calls: an intent before the handler runs, and the outcome after it, as the rule of the method in the contract says.
 * No handler can forget it, because the wrapper of all calls asks it, as it asks the gatekeeper.
 *
 * | crash after | the log shows |
 * |---|---|
 * | the intent was stored | the call, with an unknown outcome; it may or may not have acted |
 * | the act | the same |
 * | the outcome was stored | the call and its outcome; the caller may not have got the answer |
 */
import {
  auditUnavailable,
  type AuditLog,
  type AuditOutcome,
  clusterScope,
  tenantScope,
} from '../../application/audit/audit-log.ts';
import type { AuditTicket } from '../../application/audit/audit-chain.ts';
import type { ActReport } from '../../application/ports/call-context.ts';
import type { Clock, Counter, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { MethodAccess } from '../../contract/method-access.ts';
import type { Principal } from '../../domain/access/principal.ts';
import { actedIdsMax, type AuditedCall, type AuditRule, type FieldChange } from '../../domain/audit/audit-entry.ts';
import { type ErrorCode, TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import { counters } from '../../domain/measures.ts';
import { refusedCaller } from '../access/gatekeeper.ts';
import type { CallFacts, IncomingCall } from '../call-facts.ts';
import { clientAddress } from '../client-address.ts';
import { refusesCaller } from '../status-mapper.ts';
import { callersReason, kept, requestFacts } from './audited-request.ts';
import { DenialBudget } from './denial-budget.ts';
import { readKeyOf, RepeatedReads } from './repeated-reads.ts';

export interface AuditSettings {
  /** Which calls are refused while they cannot be recorded: those of administrators, or all that are recorded. */
  readonly required: 'admin' | 'all';
  /** Whether submits are recorded. */
  readonly submits: boolean;
  /** Whose reads of payloads and logs are recorded. People: those with a token of an issuer, and operators. */
  readonly reads: 'none' | 'people' | 'all';
  /** Refused calls that are recorded one by one, for each scope and reason; the rest is counted. */
  readonly denialsPerSecond: number;
}

export interface AuditorParts {
  readonly log: AuditLog;
  readonly settings: AuditSettings;
  readonly accessOfMethods: ReadonlyMap<string, MethodAccess>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
}

interface AskedCall {
  readonly method: string;
  readonly call: IncomingCall;
  readonly facts: CallFacts;
}

export interface Auditor {
  /** Runs the handler between its intent and its outcome, or at once if nothing is recorded of the call. */
  run<T>(asked: AskedCall, principal: Principal, act: (report?: ActReport) => Promise<T>): Promise<T>;
  /** Records a failed call, if it failed because its caller may not make it. */
  failed(asked: AskedCall, error: unknown): void;
}

export const unaudited: Auditor = { run: (_asked, _principal, act) => act(), failed: () => undefined };

/** Longest wait for a row. The store's own timeouts are shorter. */
const auditWaitMaxMs = 5_000;
const agentMax = 256;

export function createAuditor(parts: AuditorParts): Auditor {
  const { log, settings, accessOfMethods, clock } = parts;
  const gaps = new Gaps(parts);
  const rows = new Rows(parts, gaps);
  const budget = new DenialBudget(clock, settings.denialsPerSecond, (scope, code, count) =>
    log.denyMore(scope, code, count),
  );
  const repeated = new RepeatedReads(clock);
  /** Calls that have an entry already. By call and not by error, since calls that ask together are refused with the same one. */
  const recorded = new WeakSet<IncomingCall>();
  /** Who makes the calls that were admitted. Their handlers may refuse them, too. */
  const admitted = new WeakMap<IncomingCall, Principal>();

  const scopeOf = (method: string, principal: Principal | undefined): string => {
    const isOfTenant = accessOfMethods.get(method)?.scope === 'tenant' && principal?.tenant !== undefined;
    return isOfTenant ? tenantScope(principal.tenant) : clusterScope();
  };

  async function runRecorded<T>(
    asked: AskedCall,
    { principal, rule }: { readonly principal: Principal; readonly rule: AuditRule },
    act: (report?: ActReport) => Promise<T>,
  ): Promise<T> {
    const isRequired = rule === 'admin' || settings.required === 'all';
    const beganMs = clock.monotonicMs();
    const call = callOf(asked, principal);
    const read = rule === 'read' ? readKeyOf(call, asked.call.request) : undefined;
    if (read !== undefined && repeated.has(read)) {
      admitted.set(asked.call, principal);
      return act();
    }
    const intent = log.begin(scopeOf(asked.method, principal), call);
    if (intent !== undefined) recorded.add(asked.call);
    if (isRequired || rule !== 'read') await rows.storedOrRefused(intent, isRequired);
    else rows.watch(intent, 'intent');
    const acted = new ActedUpon();
    const settle = async (code: ErrorCode | 'OK'): Promise<void> => {
      if (intent === undefined) return;
      const outcome = log.settle(intent, { code, ...acted.facts() });
      if (isRequired) await stored(clock, outcome).catch((error: unknown) => gaps.add('outcome', error));
      else rows.watch(outcome, 'outcome');
    };
    let answer: T;
    try {
      answer = await act((report) => acted.add(report));
    } catch (thrown) {
      const error = TroupeError.from(thrown);
      await settle(error.code);
      throw error;
    }
    await settle('OK');
    if (read !== undefined) intent?.stored.then(() => repeated.add(read, beganMs), nothingStored);
    return answer;
  }

  return {
    run(asked, principal, act) {
      const rule = accessOfMethods.get(asked.method)?.audit ?? 'none';
      if (isRecorded(rule, principal, settings)) return runRecorded(asked, { principal, rule }, act);
      admitted.set(asked.call, principal);
      return act();
    },
    failed(asked, error) {
      if (!(error instanceof TroupeError) || !refusesCaller(error.code) || recorded.has(asked.call)) return;
      const principal = admitted.get(asked.call) ?? refusedCaller(error);
      const scope = scopeOf(asked.method, principal);
      if (!budget.take(scope, error.code)) return;
      rows.watch(log.deny(scope, callOf(asked, principal), error.code), 'denial');
    },
  };
}

/** Rows that are waited for, and rows whose loss is only counted. */
class Rows {
  readonly #log: AuditLog;
  readonly #clock: Clock;
  readonly #gaps: Gaps;

  constructor({ log, clock }: Pick<AuditorParts, 'log' | 'clock'>, gaps: Gaps) {
    this.#log = log;
    this.#clock = clock;
    this.#gaps = gaps;
  }

  async storedOrRefused(intent: AuditTicket | undefined, isRequired: boolean): Promise<void> {
    try {
      await stored(this.#clock, intent);
    } catch (error) {
      this.#gaps.add('intent', error);
      if (!isRequired) return;
      // The intent may be stored later, or be stored already. Then it is followed by this.
      if (intent !== undefined) this.#log.settle(intent, { code: 'AUDIT_UNAVAILABLE' });
      throw auditUnavailable(error);
    }
  }

  watch(ticket: AuditTicket | undefined, what: 'intent' | 'outcome' | 'denial'): void {
    if (ticket === undefined) this.#gaps.add(what, new Error('too many entries of the audit log wait for the store'));
    else ticket.stored.catch((error: unknown) => this.#gaps.add(what, error));
  }
}

/** Rejects if the row is not known to be durable in time. */
function stored(clock: Clock, ticket: AuditTicket | undefined): Promise<unknown> {
  if (ticket === undefined) return Promise.reject(new Error('too many entries of the audit log wait for the store'));
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(auditWaitMaxMs, () => reject(new Error('the store has not answered in time')));
    ticket.stored.finally(cancel).then(resolve, reject);
  });
}

/** Somebody else counts the gap. */
const nothingStored = (): void => undefined;

function isRecorded(rule: AuditRule, { kind }: Principal, settings: AuditSettings): boolean {
  switch (rule) {
    case 'none':
      return false;
    case 'submit':
      return settings.submits;
    case 'changes':
    case 'admin':
      return true;
    case 'read':
      return settings.reads === 'all' || (settings.reads === 'people' && (kind === 'subject' || kind === 'operator'));
  }
}

function callOf({ method, call, facts }: AskedCall, principal: Principal | undefined): AuditedCall {
  const agent = call.metadata.get('user-agent')[0];
  return {
    method,
    address: addressOf(call.getPeer()),
    requestId: facts.requestId,
    ...given({
      principal: principal?.id,
      principalKind: principal?.kind,
      credential: principal?.credential,
      agent: typeof agent === 'string' ? kept(agent, agentMax) : undefined,
      about: requestFacts(call.request),
      reason: callersReason(call.metadata, call.request),
    }),
  };
}

/** Without the port. */
function addressOf(peer: string): string {
  const host = peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return clientAddress(host);
}

/** What a use case reports of one call. */
class ActedUpon {
  readonly #changes: FieldChange[] = [];
  readonly #ids: string[] = [];
  #count = 0;

  add({ changes = [], jobId }: Parameters<ActReport>[0]): void {
    this.#changes.push(...changes);
    if (jobId === undefined) return;
    this.#count += 1;
    if (this.#ids.length < actedIdsMax) this.#ids.push(jobId);
  }

  facts(): Omit<AuditOutcome, 'code'> {
    return given({
      changes: this.#changes.length > 0 ? this.#changes : undefined,
      jobs: this.#count > 0 ? { count: this.#count, ids: this.#ids } : undefined,
    });
  }
}

const gapLogMs = 10_000;

/** Counts what was not recorded in time, and says so, once in a while. */
class Gaps {
  readonly #counter: Counter;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #saidAtMs = -Infinity;

  constructor({ telemetry, logger, clock }: AuditorParts) {
    this.#counter = telemetry.counter({
      ...counters.auditGaps,
      help: 'Entries of the audit log that were not known to be stored in time, by what they were.',
    });
    this.#logger = logger;
    this.#clock = clock;
  }

  add(what: 'intent' | 'outcome' | 'denial', error: unknown): void {
    this.#counter.add(1, { what });
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#saidAtMs < gapLogMs) return;
    this.#saidAtMs = nowMs;
    this.#logger.error({ event: 'audit.gap', what, err: error }, 'the audit log cannot be written');
  }
}
