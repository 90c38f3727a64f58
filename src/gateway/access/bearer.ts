/** Reads the credential of a call. */
import type { Metadata } from '@grpc/grpc-js';
import { TroupeError } from '../../domain/errors.ts';

/** As in RFC 6750, and at most 8 KiB: a token with a few hundred groups. */
const bearerPattern = /^bearer +([\x21-\x7e]{1,8192})$/i;

/**
 * The bearer token of a call. Undefined if it carries no credential. Throws AMBIGUOUS_CREDENTIALS for more than one, and
 * TOKEN_INVALID for one of another kind: to ignore it would serve a caller as somebody else than the one it takes itself
 * for.
 */
export function bearerOf(metadata: Metadata): string | undefined {
  const values = metadata.get('authorization');
  if (values.length === 0) return undefined;
  const value = String(values[0]);
  // Several headers arrive as one list. No token has a comma followed by a space.
  if (values.length > 1 || value.includes(', ')) throw new TroupeError('AMBIGUOUS_CREDENTIALS');
  const bearer = bearerPattern.exec(value)?.[1];
  if (bearer !== undefined) return bearer;
  throw new TroupeError('TOKEN_INVALID', {
    message: 'the metadata "authorization" must be "Bearer TOKEN", with a token of at most 8,192 characters',
  });
}
