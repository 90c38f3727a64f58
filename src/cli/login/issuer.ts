/**
 * The issuer as `troupe login` speaks to it: OAuth 2 with a device code (RFC 8628), refresh and revocation (RFC 7009).
 * The library is loaded by the first call, so that other commands do not pay for it.
 */
import type { Configuration, TokenEndpointResponse } from 'openid-client';
import { isLoopbackHost } from '../../client/target.ts';
import { given } from '../../domain/given.ts';
import { UsageError } from '../errors/exit-code.ts';
import { LoginError } from '../errors/login-error.ts';
import type { Login } from './login-file.ts';

/** Of one request. */
const requestTimeoutS = 10;
/** The longest that a device code is waited for, whatever the issuer says. */
const codeLifeMaxS = 3_600;

export interface LoginRequest {
  readonly issuer: string;
  readonly clientId: string;
  readonly scope: string | undefined;
  readonly audience: string | undefined;
}

export interface DeviceCode {
  readonly url: string;
  readonly completeUrl: string | undefined;
  readonly code: string;
  readonly expiresInS: number;
}

interface LoginSteps {
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  readonly show: (code: DeviceCode) => void;
}

const library = () => import('openid-client');

/** Resolves when the person has allowed it. Throws LoginError if they refuse, or are too late. */
export async function logIn(request: LoginRequest, { nowMs, signal, show }: LoginSteps): Promise<Login> {
  const { initiateDeviceAuthorization, pollDeviceAuthorizationGrant } = await library();
  return translated(request.issuer, signal, async () => {
    const config = await configurationOf(request);
    const { scope, audience } = request;
    const started = await initiateDeviceAuthorization(config, given({ scope, audience }));
    const expiresInS = Math.min(started.expires_in, codeLifeMaxS);
    show({
      url: started.verification_uri,
      completeUrl: started.verification_uri_complete,
      code: started.user_code,
      expiresInS,
    });
    const over = AbortSignal.any([signal, AbortSignal.timeout(expiresInS * 1_000)]);
    const tokens = await pollDeviceAuthorizationGrant(config, started, undefined, { signal: over }).catch(
      (error: unknown) => {
        if (over.aborted && !signal.aborted) throw tooLate();
        throw error;
      },
    );
    return loginOf(request, tokens, nowMs());
  });
}

/** An issuer that gives no new refresh token goes on with the present one. */
export async function refreshed(login: Login & { readonly refreshToken: string }, nowMs: () => number): Promise<Login> {
  const { refreshTokenGrant } = await library();
  return translated(login.issuer, undefined, async () => {
    const tokens = await refreshTokenGrant(await configurationOf(login), login.refreshToken);
    return { ...given({ refreshToken: login.refreshToken }), ...loginOf(login, tokens, nowMs()) };
  });
}

/** False if the issuer has no place to revoke at. */
export async function revoked(login: Login): Promise<boolean> {
  const { tokenRevocation } = await library();
  return translated(login.issuer, undefined, async () => {
    const config = await configurationOf(login);
    if (config.serverMetadata().revocation_endpoint === undefined) return false;
    if (login.refreshToken !== undefined)
      await tokenRevocation(config, login.refreshToken, { token_type_hint: 'refresh_token' });
    await tokenRevocation(config, login.accessToken, { token_type_hint: 'access_token' });
    return true;
  });
}

function loginOf(
  { issuer, clientId }: Pick<Login, 'issuer' | 'clientId'>,
  { access_token: accessToken, refresh_token: refreshToken, expires_in: lifeS }: TokenEndpointResponse,
  nowMs: number,
): Login {
  const expiresAtMs = lifeS === undefined ? undefined : nowMs + lifeS * 1_000;
  return { issuer, clientId, accessToken, obtainedAtMs: nowMs, ...given({ refreshToken, expiresAtMs }) };
}

async function configurationOf({ issuer, clientId }: Pick<Login, 'issuer' | 'clientId'>): Promise<Configuration> {
  const { allowInsecureRequests, discovery, None } = await library();
  const url = issuerUrl(issuer);
  return discovery(url, clientId, undefined, None(), {
    timeout: requestTimeoutS,
    execute: url.protocol === 'http:' ? [allowInsecureRequests] : [],
  });
}

/** Throws UsageError. */
function issuerUrl(issuer: string): URL {
  const url = URL.parse(issuer);
  const isSafe =
    url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, '')));
  if (url === null || !isSafe)
    throw new UsageError(`issuer ${issuer}: must be an https:// URL (http:// on loopback only)`);
  return url;
}

function tooLate(): LoginError {
  return new LoginError('nobody entered the code in time: run `troupe login` again', 'refused');
}

const refusals: ReadonlyMap<string, string> = new Map([
  ['access_denied', 'the login was refused at the issuer'],
  ['expired_token', 'nobody entered the code in time: run `troupe login` again'],
  ['invalid_grant', 'the login is over: run `troupe login` again'],
]);

/** Errors of the library become LoginError. Those of an abort stay, as they say that the person stopped the command. */
async function translated<T>(issuer: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  const { ResponseBodyError } = await library();
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted === true || error instanceof LoginError || error instanceof UsageError) throw error;
    if (error instanceof ResponseBodyError) {
      const why = refusals.get(error.error) ?? `the issuer ${issuer} refuses: ${error.error}`;
      throw new LoginError(why, error.status >= 500 ? 'unreachable' : 'refused');
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new LoginError(`the issuer ${issuer} gives no usable answer: ${why}`, 'unreachable');
  }
}
