/**
 * The one place that decides whether a call may be made. No method can skip it, because the wrapper of all calls asks it
 * first, and a method that the contract gives no access option keeps the server from starting.
 */
import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import type { MethodAccess } from '../../contract/method-access.ts';
import type { Permission } from '../../domain/access/permission.ts';
import type { Principal } from '../../domain/access/principal.ts';
import { invariant, TroupeError } from '../../domain/errors.ts';
import type { Authenticator } from './authenticator.ts';
import { bearerOf } from './bearer.ts';
import type { TenantCheck } from './tenant-check.ts';
import { UnknownCallers } from './unknown-callers.ts';

/** A call, as far as it matters for who may make it. */
interface AskingCall {
  readonly metadata: Metadata;
  /** What TLS knows of the other end. */
  readonly getAuthContext?: ServerUnaryCall<unknown, unknown>['getAuthContext'];
  /** Absent for a request in pieces, of which none has been taken yet. */
  readonly request?: unknown;
  /** The bytes of a request that is read for a caller who is known. */
  readonly unread?: Uint8Array | undefined;
}

export interface Gatekeeper {
  /**
   * Returns who makes the call, as a promise only if that takes an issuer, a signature or the store. Throws or rejects with a
   * TroupeError if the call may not be made, or if too much is held for callers that are not known yet.
   */
  admit(method: string, call: AskingCall): Principal | Promise<Principal>;
  /** Like `admit`, for a call that was admitted before: its request is not held, so it takes no room from new callers. */
  admitAgain(method: string, call: Omit<AskingCall, 'request'>): Principal | Promise<Principal>;
  /** The tenant that a call of the method is about. Undefined if it is about the cluster, or the caller itself. */
  tenantOf(method: string, principal: Principal): string | undefined;
  /** The permission that the method names. Undefined if it names none. */
  needs(method: string): Permission | undefined;
}

/** Methods that are no part of our contract, and tell every caller the same. */
const openMethods: ReadonlyMap<string, MethodAccess> = new Map([
  ['ServerReflectionInfo', { scope: 'caller', audit: 'none' }],
]);

export function createGatekeeper(
  authenticator: Authenticator,
  accessOfMethods: ReadonlyMap<string, MethodAccess>,
  tenants: TenantCheck,
  /** Most bytes of requests whose callers are not known yet. */
  unknownMaxBytes: number,
): Gatekeeper {
  const unknown = new UnknownCallers(unknownMaxBytes);
  const accessOf = (method: string): MethodAccess => {
    const access = accessOfMethods.get(method) ?? openMethods.get(method);
    invariant(access !== undefined, `the method ${method} says what it needs`);
    return access;
  };
  const admit = (
    method: string,
    call: Omit<AskingCall, 'request'>,
    held: (principal: Promise<Principal>) => Promise<Principal>,
  ): Principal | Promise<Principal> => {
    const access = accessOf(method);
    const bearer = authenticator.looksAtCredentials ? bearerOf(call.metadata) : undefined;
    const certificate = authenticator.looksAtCertificates ? call.getAuthContext?.().sslPeerCertificate : undefined;
    const serve = (known: Principal): Principal | Promise<Principal> => {
      const principal = allowed(authenticator, known, access);
      const served = servedBy(tenants, principal, access);
      return served instanceof Promise ? served.then(() => principal) : principal;
    };
    const principal = authenticator.authenticate(bearer, certificate);
    if (principal instanceof Promise) return held(principal.then(serve));
    const served = serve(principal);
    return served instanceof Promise ? held(served) : served;
  };
  return {
    admit: (method, call) => admit(method, call, (known) => unknown.hold(call.unread ?? call.request, known)),
    admitAgain: (method, call) => admit(method, call, (known) => known),
    tenantOf(method, { tenant }) {
      return accessOf(method).scope === 'tenant' ? tenant : undefined;
    },
    needs(method) {
      const access = accessOf(method);
      return access.scope === 'caller' ? undefined : access.permission;
    },
  };
}

/** Whom each refusal was for. */
const refusedCallers = new WeakMap<TroupeError, Principal>();

/** Undefined if the refusal was for someone who is not known. */
export function refusedCaller(refusal: TroupeError): Principal | undefined {
  return refusedCallers.get(refusal);
}

function refusal(principal: Principal, error: TroupeError): TroupeError {
  refusedCallers.set(error, principal);
  return error;
}

/** So that a refusal for the tenant's sake is recorded with its caller, too. */
function servedBy(tenants: TenantCheck, principal: Principal, access: MethodAccess): undefined | Promise<void> {
  const withCaller = (error: unknown): never => {
    throw error instanceof TroupeError ? refusal(principal, error) : error;
  };
  try {
    return tenants.admit(principal, access)?.catch(withCaller);
  } catch (error) {
    return withCaller(error);
  }
}

function allowed(authenticator: Authenticator, principal: Principal, access: MethodAccess): Principal {
  if (access.scope === 'caller') return principal;
  const { scope, permission } = access;
  if (!principal.permissions.has(permission)) {
    throw refusal(principal, authenticator.refusal(principal, permission));
  }
  if (scope === 'tenant' && principal.tenant === undefined) {
    const message = 'this call is about the jobs and queues of a tenant, and the credential names no tenant';
    throw refusal(principal, new TroupeError('PERMISSION_MISSING', { message, metadata: { permission } }));
  }
  return principal;
}
