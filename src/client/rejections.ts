/** Ensures that every call of a client rejects with TroupeClientError only, whatever went wrong. */
import { clientErrorOf } from './client-error.ts';

type Call = (...parameters: readonly unknown[]) => unknown;

/**
 * Wraps the calls so that they fail with TroupeClientError only. Every call must return a promise or an async
 * generator.
 */
export function withClientErrors<Calls extends object>(calls: Calls): Calls {
  const guarded = Object.entries(calls).map(([name, call]) => [name, guard(call as Call)]);
  return Object.fromEntries(guarded) as Calls;
}

function guard(call: Call): Call {
  return (...parameters) => {
    try {
      const answer = call(...parameters);
      return answer instanceof Promise ? answer.catch(rethrow) : guardStream(answer as AsyncGenerator<unknown, void>);
    } catch (error) {
      return rethrow(error);
    }
  };
}

async function* guardStream(stream: AsyncGenerator<unknown, void>): AsyncGenerator<unknown, void> {
  try {
    yield* stream;
  } catch (error) {
    rethrow(error);
  }
}

function rethrow(error: unknown): never {
  throw clientErrorOf(error);
}
