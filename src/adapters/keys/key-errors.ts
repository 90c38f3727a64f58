/** Why a key cannot be asked at present. */
import { TroupeError } from '../../domain/errors.ts';

/**
 * `no-answer`: the key service is away, or refuses this process. `no-key`: the key itself is away, so others may still be
 * used.
 */
export function keysAway(why: 'no-answer' | 'no-key', message: string, cause?: unknown): TroupeError {
  return new TroupeError('ENCRYPTION_UNAVAILABLE', { message, metadata: { why }, cause });
}
