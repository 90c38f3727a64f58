/** Calls that last: streams and uploads. */
import type { Metadata } from '@grpc/grpc-js';
import type { CallContext } from '../application/ports/call-context.ts';
import type { Clock, Counter } from '../application/ports/runtime.ts';
import type { TenantLimits } from '../application/tenants/tenant-limits.ts';
import { TroupeError } from '../domain/errors.ts';
import { watchCaller } from './access/caller-watch.ts';
import type { Gatekeeper } from './access/gatekeeper.ts';
import type { Auditor } from './audit/auditor.ts';
import { contextOf, factsOf, type IncomingCall, trailers } from './call-facts.ts';
import type { GrpcFailure } from './status-mapper.ts';
import type { StreamOwners } from './stream-owners.ts';

export type HeldContext = CallContext & { readonly signal: AbortSignal };

interface Settling<T> {
  readonly done: (value: T, last: Metadata) => void;
  readonly failed: (failure: GrpcFailure) => void;
}

interface HoldParts {
  readonly streams: Set<AbortController>;
  readonly clock: Clock;
  readonly gatekeeper: Gatekeeper;
  readonly auditor: Auditor;
  readonly tenantLimits: Pick<TenantLimits, 'openStream'>;
  readonly owners: StreamOwners;
}

/** Runs a call until it is done, its client leaves, its caller may not make it any more, or the gateway stops. */
export function createHold(
  { streams, clock, gatekeeper, auditor, tenantLimits, owners }: HoldParts,
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
    const end = (why: TroupeError): void => controller.abort(why);
    let stopWatch = (): void => undefined;
    let leave = (): void => undefined;
    const admitAndRun = async () => {
      const principal = await gatekeeper.admit(method, call);
      const tenant = gatekeeper.tenantOf(method, principal);
      if (tenant !== undefined) leave = tenantLimits.openStream(tenant);
      stopWatch = watchCaller({ clock, principal, admit: () => gatekeeper.admitAgain(method, call), end });
      return auditor.run({ method, call, facts }, principal, (report) => {
        const context = contextOf(facts, principal, { needs: gatekeeper.needs(method), report });
        owners.belongs(call, context.tenant);
        return run({ ...context, signal: controller.signal });
      });
    };
    admitAndRun()
      .then(
        (value) => {
          requests.add(1, { method, code: 'OK' });
          settle.done(value, trailers(facts));
        },
        (error: unknown) => {
          auditor.failed({ method, call, facts }, error);
          settle.failed(failureOf(method, error, facts.requestId));
        },
      )
      .finally(() => {
        stopWatch();
        leave();
        streams.delete(controller);
      });
  };
}
