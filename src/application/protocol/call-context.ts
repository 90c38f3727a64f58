/** Who calls, and until when the answer is wanted. */
import { TroupeError } from '../../domain/errors.ts';

export interface CallContext {
  readonly tenant: string;
  readonly requestId: string;
  /** Epoch ms; absent: no deadline. */
  readonly deadlineAtMs?: number;
  /** Aborted, with the reason as a TroupeError, when the caller has gone or nobody can answer it any more. */
  readonly signal?: AbortSignal;
  /** W3C traceparent. */
  readonly traceparent?: string;
  /** What the caller showed to be let in. Never logged. */
  readonly bearerToken?: string;
}

/** Refuses a call that nobody waits for any more, before anything is stored. */
export function ensureAwaited(context: CallContext, nowMs: number): void {
  const { signal } = context;
  if (signal?.aborted === true) {
    const reason: unknown = signal.reason;
    throw reason instanceof TroupeError ? reason : new TroupeError('CALL_CANCELLED');
  }
  if (context.deadlineAtMs !== undefined && context.deadlineAtMs <= nowMs) {
    throw new TroupeError('CALL_DEADLINE_EXCEEDED', { metadata: { outcome: 'none' } });
  }
}
