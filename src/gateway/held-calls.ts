/** Calls that last: streams and uploads. */
import type { Metadata } from '@grpc/grpc-js';
import type { CallContext } from '../application/ports/call-context.ts';
import type { Clock, Counter } from '../application/ports/runtime.ts';
import type { Principal } from '../domain/access/principal.ts';
import { TroupeError } from '../domain/errors.ts';
import type { Gatekeeper } from './access/gatekeeper.ts';
import { contextOf, factsOf, type IncomingCall, trailers } from './call-facts.ts';
import type { GrpcFailure } from './status-mapper.ts';

/** How long a stream outlives the credential with which it began: clocks differ, and a new token takes a moment. */
const expiryGraceMs = 30_000;
export type HeldContext = CallContext & { readonly signal: AbortSignal };

interface Settling<T> {
  readonly done: (value: T, last: Metadata) => void;
  readonly failed: (failure: GrpcFailure) => void;
}

interface HoldParts {
  readonly streams: Set<AbortController>;
  readonly clock: Clock;
  readonly gatekeeper: Gatekeeper;
}

/** Runs a call until it is done, its client leaves, its credential expires, or the gateway stops. */
export function createHold(
  { streams, clock, gatekeeper }: HoldParts,
  requests: Counter,
  failureOf: (method: string, error: unknown, requestId: string) => GrpcFailure,
): <T>(
  call: IncomingCall & NodeJS.EventEmitter,
  method: string,
  run: (context: HeldContext) => Promise<T>,
  settle: Settling<T>,
) => void {
  return (call, method, run, settle) => {
    const controller = new AbortController();
    streams.add(controller);
    call.once('cancelled', () => controller.abort(new TroupeError('CALL_CANCELLED')));
    const facts = factsOf(call, clock);
    let stopExpiry = (): void => undefined;
    const admitAndRun = async () => {
      const principal = await gatekeeper.admit(method, call);
      stopExpiry = atExpiry(clock, principal, () => controller.abort(new TroupeError('TOKEN_EXPIRED')));
      return run({ ...contextOf(facts, principal), signal: controller.signal });
    };
    admitAndRun()
      .then(
        (value) => {
          requests.add(1, { method, code: 'OK' });
          settle.done(value, trailers(facts));
        },
        (error: unknown) => settle.failed(failureOf(method, error, facts.requestId)),
      )
      .finally(() => {
        stopExpiry();
        streams.delete(controller);
      });
  };
}

/** Returns the function that gives up waiting. */
function atExpiry(clock: Clock, { expiresAtMs }: Principal, fire: () => void): () => void {
  if (expiresAtMs === undefined) return () => undefined;
  return clock.setTimer(Math.max(0, expiresAtMs + expiryGraceMs - clock.wallMs()), fire);
}
