/** The error of a queue that is not there. */
import { TroupeError } from '../../domain/errors.ts';
import { similarText } from '../../domain/similar-names.ts';

/** `known`: queues that the caller may have meant. */
export function queueNotFound(queue: string, known: Iterable<string> = []): TroupeError {
  const error = new TroupeError('QUEUE_NOT_FOUND', { metadata: { queue } });
  const similar = similarText(queue, known);
  if (similar === '') return error;
  return new TroupeError('QUEUE_NOT_FOUND', { message: `${error.message}${similar}`, metadata: { queue } });
}

/** Those of one tenant, out of `tenant/queue`. */
export function* queuesOf(tenant: string, keys: Iterable<string>): Generator<string, void> {
  for (const key of keys) if (key.startsWith(`${tenant}/`)) yield key.slice(tenant.length + 1);
}
