/** Names of queues: the error for an unknown one, and the names that a caller may have meant. */
import { isInSome } from '../../domain/access/role-binding.ts';
import { TroupeError } from '../../domain/errors.ts';
import { similarText } from '../../domain/similar-names.ts';
import { type AskingContext, queuesAllowed } from '../ports/call-context.ts';

/** `known` lists queues that the caller may have meant. */
export function queueNotFound(queue: string, known: Iterable<string> = []): TroupeError {
  const error = new TroupeError('QUEUE_NOT_FOUND', { metadata: { queue } });
  const similar = similarText(queue, known);
  if (similar === '') return error;
  return new TroupeError('QUEUE_NOT_FOUND', { message: `${error.message}${similar}`, metadata: { queue } });
}

/** The names of the queues about which the caller may make this call, from keys of the form `tenant/queue`. */
export function* queuesOf(asking: AskingContext, keys: Iterable<string>): Generator<string, void> {
  const beginning = `${asking.tenant}/`;
  const allowed = queuesAllowed(asking);
  for (const key of keys) {
    const name = key.slice(beginning.length);
    if (key.startsWith(beginning) && isInSome(name, allowed)) yield name;
  }
}
