/** The queue that jobs get when they name none, and the error of one that is not there. */
import { TroupeError } from '../domain/errors.ts';

/** Made at the first start of a cluster. */
export const defaultQueueName = 'default';

export function queueNotFound(queue: string): TroupeError {
  return new TroupeError('QUEUE_NOT_FOUND', { metadata: { queue } });
}
