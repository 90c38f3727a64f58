/** A payload that is there, and is not what was written. No later read finds another one, whichever store it lies in. */
import { TroupeError } from '../../domain/errors.ts';

const message = 'a payload in the store is damaged';

export function damagedPayload(payloadId: string): TroupeError {
  return new TroupeError('INTERNAL_ERROR', { message, metadata: { payloadId } });
}

/** Whether a read failed for this reason, and not because the store did not answer. */
export function isDamagedPayload(error: unknown): error is TroupeError {
  return error instanceof TroupeError && error.code === 'INTERNAL_ERROR' && error.metadata['payloadId'] !== undefined;
}

/** A sealed payload, or text, that does not open: it was changed, moved, or sealed for another job. */
export function damagedSeal(payloadId: string): TroupeError {
  return new TroupeError('INTERNAL_ERROR', {
    message: 'something sealed is damaged, or belongs elsewhere',
    metadata: { payloadId, seal: 'wrong' },
  });
}

export function isDamagedSeal(error: unknown): error is TroupeError {
  return isDamagedPayload(error) && error.metadata['seal'] !== undefined;
}
