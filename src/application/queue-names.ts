/** The error of a queue that is not there. */
import { TroupeError } from '../domain/errors.ts';

export function queueNotFound(queue: string): TroupeError {
  return new TroupeError('QUEUE_NOT_FOUND', { metadata: { queue } });
}
