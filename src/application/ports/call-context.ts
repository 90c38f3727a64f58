/** The caller of a call, and how long it waits for the answer. */
import type { Permission } from '../../domain/access/permission.ts';
import { holdsIn, permissionMissing, type Principal } from '../../domain/access/principal.ts';
import type { FieldChange } from '../../domain/audit/audit-entry.ts';
import { TroupeError } from '../../domain/errors.ts';
import { callerMaxBytes } from '../../domain/job.ts';

/**
 * Tells the audit log what a call has changed: fields with their old and new values, without payloads and secrets; or a job
 * that it has acted upon. Absent if nobody records the call.
 */
export type ActReport = (act: { readonly changes?: readonly FieldChange[]; readonly jobId?: string }) => void;

export interface CallContext {
  /** Whose jobs and queues the call is about. It follows from the credential. */
  readonly tenant: string;
  /** Who makes the call. The gateway has already checked the permission that the method names. */
  readonly principal: Principal;
  /** The permission that the method names. Undefined if it names none. */
  readonly needs?: Permission;
  readonly requestId: string;
  /** Epoch ms. Default: no deadline. */
  readonly deadlineAtMs?: number;
  /** Aborts when the caller is gone or can no longer be answered. Its reason is a TroupeError. */
  readonly signal?: AbortSignal;
  readonly report?: ActReport;
  /** W3C traceparent. */
  readonly traceparent?: string;
}

/** The context of a call whose answer may hold payloads. */
export interface ReadContext extends CallContext {
  /**
   * Counts bytes that are about to be loaded for the answer, until it is written or the call is over. Throws OVERLOADED
   * while there is no room for them.
   */
  readonly reserve: (bytes: number) => void;
}

/** The id of the caller, as the history of a job has it. Bytes beyond its bound are cut, and no half of a character stays. */
export function callerText({ principal: { id } }: Pick<CallContext, 'principal'>): string {
  const bytes = Buffer.from(id);
  return bytes.length <= callerMaxBytes ? id : bytes.toString('utf8', 0, callerMaxBytes).replace(/\uFFFD+$/, '');
}

/** Why nobody waits for a call any more. Undefined: its caller does. */
export function whyUnawaited({ signal, deadlineAtMs }: CallContext, nowMs: number): TroupeError | undefined {
  if (signal?.aborted === true) {
    const reason: unknown = signal.reason;
    return reason instanceof TroupeError ? reason : new TroupeError('CALL_CANCELLED');
  }
  if (deadlineAtMs === undefined || deadlineAtMs > nowMs) return undefined;
  return new TroupeError('CALL_DEADLINE_EXCEEDED', { metadata: { outcome: 'none' } });
}

/** Refuses a call that nobody waits for any more, before anything is stored. */
export function ensureAwaited(context: CallContext, nowMs: number): void {
  const why = whyUnawaited(context, nowMs);
  if (why !== undefined) throw why;
}

/** Refuses a call that asks for more than its method does, such as a watch with logs. */
export function ensureHolds(
  { principal }: Pick<CallContext, 'principal'>,
  permission: Permission,
  queue: string,
): void {
  if (!holdsIn(principal, permission, queue)) throw permissionMissing(permission);
}

/** With one of these a caller sees a queue. */
const seesQueue: readonly Permission[] = ['jobs.read', 'queues.read'];
/** With this it sees the jobs in it. */
export const seesJobs: readonly Permission[] = ['jobs.read'];

/**
 * Refuses a call about a queue, or a job in it, if the caller has the permission of the method in other queues only. What the
 * caller may not even see is missing: `missing` makes the error. A method that names no permission allows nothing here.
 */
export function ensureMayIn(
  { principal, needs }: AskingContext,
  queue: string,
  missing: () => TroupeError,
  seenWith = seesQueue,
): void {
  if (principal.onlyIn.size === 0 || (needs !== undefined && holdsIn(principal, needs, queue))) return;
  const sees = seenWith.some((permission) => holdsIn(principal, permission, queue));
  throw sees && needs !== undefined ? permissionMissing(needs) : missing();
}

/** Patterns of the queues that `ensureMayIn` allows. Undefined: all. */
export function queuesAllowed({ principal, needs }: AskingContext): readonly string[] | undefined {
  if (principal.onlyIn.size === 0) return undefined;
  return needs === undefined ? [] : principal.onlyIn.get(needs);
}

/** Who asks, for what. */
export type AskingContext = Pick<CallContext, 'tenant' | 'principal' | 'needs'>;
