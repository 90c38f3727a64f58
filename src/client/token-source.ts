/** Where the token of each call comes from. */
import { status as grpc } from '@grpc/grpc-js';
import { type ErrorCode, errorRegistry } from '../domain/errors.ts';
import { ensureWanted, onAbort } from './abort.ts';
import { cancelledBy, notSayable, TroupeClientError } from './client-error.ts';

/** Returns the token to send. The client asks before each call, so it should return the same token as long as it lives. */
export type TokenSource = () => string | Promise<string>;

/** How long a call waits for its token. */
interface Patience {
  /** Epoch ms. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

const tokenPattern = /^[\x21-\x7e]+$/;
const notToken = 'must be visible ASCII characters: a token read from a file may have a line break at its end';

/** Throws INVALID_ARGUMENT for a token that no header can carry. The error of grpc-js would contain the token. */
export function checkToken(token: string): void {
  if (typeof token === 'string' && tokenPattern.test(token)) return;
  throw notSayable('INVALID_ARGUMENT', [{ field: 'token', description: notToken }]);
}

/**
 * The token of one call. Nothing was sent if it rejects: with NO_CREDENTIALS if the source fails, with
 * CALL_DEADLINE_EXCEEDED or CALL_CANCELLED if it takes longer than the call may.
 */
export async function tokenFrom(source: TokenSource, { deadlineMs, signal }: Patience): Promise<string> {
  ensureWanted(signal);
  const over = Promise.withResolvers<never>();
  const stopListening = onAbort(signal, () => over.reject(cancelledBy(signal)));
  const timer = setTimeout(() => over.reject(tooLate()), Math.max(0, deadlineMs - Date.now()));
  try {
    return await Promise.race([asked(source), over.promise]);
  } finally {
    clearTimeout(timer);
    stopListening();
  }
}

async function asked(source: TokenSource): Promise<string> {
  try {
    const token: unknown = await source();
    if (typeof token === 'string' && tokenPattern.test(token)) return token;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw nothingSent('NO_CREDENTIALS', grpc.UNAUTHENTICATED, `the source of the token failed: ${why}`, cause);
  }
  throw nothingSent('NO_CREDENTIALS', grpc.UNAUTHENTICATED, `the source of the token gave none: a token ${notToken}`);
}

function tooLate(): TroupeClientError {
  const message = 'the deadline of the call has passed, and the source of the token has not answered';
  return nothingSent('CALL_DEADLINE_EXCEEDED', grpc.DEADLINE_EXCEEDED, message);
}

function nothingSent(code: ErrorCode, status: grpc, message: string, cause?: unknown): TroupeClientError {
  const { retryable } = errorRegistry[code];
  return new TroupeClientError({ code, message, status: grpc[status], retryable, outcome: 'none', cause });
}

/** An expired token is worth another try if there is a source that can give a fresh one. */
export function renewable(error: TroupeClientError, hasSource: boolean): TroupeClientError {
  if (!hasSource || error.code !== 'TOKEN_EXPIRED') return error;
  const { code, message, status, outcome, metadata, requestId } = error;
  return new TroupeClientError({ code, message, status, outcome, metadata, requestId, retryable: true, cause: error });
}
