/** Names of queues: the error for an unknown one, and the names of one tenant. */
import { TroupeError } from '../../domain/errors.ts';
import { similarText } from '../../domain/similar-names.ts';

/** `known` lists queues that the caller may have meant. */
export function queueNotFound(queue: string, known: Iterable<string> = []): TroupeError {
  const error = new TroupeError('QUEUE_NOT_FOUND', { metadata: { queue } });
  const similar = similarText(queue, known);
  if (similar === '') return error;
  return new TroupeError('QUEUE_NOT_FOUND', { message: `${error.message}${similar}`, metadata: { queue } });
}

/** The queue names of one tenant, from keys of the form `tenant/queue`. */
export function* queuesOf(tenant: string, keys: Iterable<string>): Generator<string, void> {
  for (const key of keys) if (key.startsWith(`${tenant}/`)) yield key.slice(tenant.length + 1);
}
