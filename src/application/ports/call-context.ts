/** The caller of a call, and how long it waits for the answer. */
import { TroupeError } from '../../domain/errors.ts';

export interface CallContext {
  readonly tenant: string;
  readonly requestId: string;
  /** Epoch ms. Default: no deadline. */
  readonly deadlineAtMs?: number;
  /** Aborts when the caller is gone or can no longer be answered. Its reason is a TroupeError. */
  readonly signal?: AbortSignal;
  /** W3C traceparent. */
  readonly traceparent?: string;
  /** The caller's credential. Never logged. */
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
