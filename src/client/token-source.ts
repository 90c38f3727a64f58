/** Where the token of each call comes from. */
import { status as grpc } from '@grpc/grpc-js';
import { TroupeClientError } from './client-error.ts';

/** Returns the token to send. The client asks before each call, so it should return the same token as long as it lives. */
export type TokenSource = () => string | Promise<string>;

/** The token of one call. Rejects with NO_CREDENTIALS if the source fails: nothing was sent. */
export async function tokenFrom(source: TokenSource): Promise<string> {
  try {
    return await source();
  } catch (cause) {
    throw new TroupeClientError({
      code: 'NO_CREDENTIALS',
      message: `the source of the token failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      status: grpc[grpc.UNAUTHENTICATED],
      retryable: false,
      outcome: 'none',
      cause,
    });
  }
}

/** An expired token is worth another try if there is a source that can give a fresh one. */
export function renewable(error: TroupeClientError, hasSource: boolean): TroupeClientError {
  if (!hasSource || error.code !== 'TOKEN_EXPIRED') return error;
  const { code, message, status, outcome, metadata, requestId } = error;
  return new TroupeClientError({ code, message, status, outcome, metadata, requestId, retryable: true, cause: error });
}
