/** Verifies tokens (JWT) of the configured issuers. What is wrong with a token goes to the log, and not to the caller. */
import { createHash } from 'node:crypto';
import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type ProtectedHeaderParameters,
} from 'jose';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { TokenVerifier } from '../../application/ports/token-verifier.ts';
import type { Principal } from '../../domain/access/principal.ts';
import { RecentFindings } from '../../domain/access/recent-findings.ts';
import type { Roles } from '../../domain/access/role.ts';
import { principalOfClaims, type VerifiedClaims } from '../../domain/access/token-claims.ts';
import { TroupeError } from '../../domain/errors.ts';
import { gauges } from '../../domain/measures.ts';
import type { FetchDocument } from './fetch-document.ts';
import { IssuerKeys } from './issuer-keys.ts';
import type { IssuerSettings } from './issuer-settings.ts';
import { RefusalLog } from './refusal-log.ts';

export interface TokenVerifierParts {
  readonly issuers: readonly IssuerSettings[];
  readonly roles: Roles;
  readonly fetchDocument: FetchDocument;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

/** Difference between the clocks of an issuer and of this machine that does no harm. */
const toleranceS = 30;
/** A token that lives longer could not be taken back for too long. */
const lifetimeMaxS = 24 * 3_600;
/** Ids of subjects are at most this long in OpenID Connect. */
const subjectMax = 255;
/** Each costs a signature. */
const keysTriedMax = 4;
/** Access tokens (RFC 9068) and ID tokens. A token of another type was made for another purpose. */
const types: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

/** What changes at the issuer, such as a key that it withdraws, counts after this time. */
const verifiedKeptMs = 60_000;
/** A caller that repeats a bad token costs no signature each time. The key that it lacks may come at any moment. */
const refusedKeptMs = 5_000;

type Refusal = 'TOKEN_EXPIRED' | 'TOKEN_INVALID';

interface KnownIssuer {
  readonly settings: IssuerSettings;
  readonly keys: IssuerKeys;
}

export function createTokenVerifier(parts: TokenVerifierParts): TokenVerifier {
  const { roles, clock, telemetry } = parts;
  const away = telemetry.gauge({
    ...gauges.gatewayIssuerAway,
    help: 'Whether the last fetch of the keys of an issuer has failed (1) or not (0).',
  });
  const issuers = new Map<string, KnownIssuer>(
    parts.issuers.map((settings) => [
      settings.issuer,
      { settings, keys: new IssuerKeys({ ...parts, settings, away }) },
    ]),
  );
  for (const { keys } of issuers.values()) keys.begin();
  const monotonicMs = (): number => clock.monotonicMs();
  const verified = new RecentFindings<Principal>(monotonicMs, verifiedKeptMs);
  const refused = new RecentFindings<Refusal>(monotonicMs, refusedKeptMs);
  const refusals = new RefusalLog(parts);

  async function verifyAnew(token: string, digest: string): Promise<Principal> {
    const sinceMs = monotonicMs();
    try {
      const { settings, keys } = issuerOf(issuers, token);
      const claims = await check(token, settings, keys, clock);
      const principal = principalOfClaims(claims, settings.mapping, roles);
      verified.put(digest, principal, sinceMs);
      return principal;
    } catch (error) {
      if (error instanceof TroupeError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const refusal = error instanceof errors.JWTExpired ? 'TOKEN_EXPIRED' : 'TOKEN_INVALID';
      refusals.say(reason);
      refused.put(digest, refusal, monotonicMs());
      throw new TroupeError(refusal);
    }
  }

  return {
    verify(token) {
      const digest = createHash('sha256').update(token).digest('base64');
      const principal = verified.get(digest);
      if (principal !== undefined && clock.wallMs() < (principal.expiresAtMs ?? Infinity)) return principal;
      const refusal = refused.get(digest);
      if (refusal !== undefined) throw new TroupeError(refusal);
      return verifyAnew(token, digest);
    },
  };
}

/** Reads the issuer before anything is verified, only to know whose keys decide. */
function issuerOf(issuers: ReadonlyMap<string, KnownIssuer>, token: string): KnownIssuer {
  const { iss } = decodeJwt(token);
  const issuer = typeof iss === 'string' ? issuers.get(iss) : undefined;
  if (issuer === undefined) throw new Error('its issuer is not configured');
  return issuer;
}

async function check(token: string, settings: IssuerSettings, keys: IssuerKeys, clock: Clock): Promise<VerifiedClaims> {
  const nowMs = clock.wallMs();
  // First: what jose says of extensions has their names in it, and so words of whoever made up the token.
  checkHeader(decodeProtectedHeader(token));
  const keyOf: JWTVerifyGetKey = (header, input) => keys.key(header, input);
  const options = {
    issuer: settings.issuer,
    audience: settings.audience,
    algorithms: [...settings.algorithms],
    clockTolerance: toleranceS,
    currentDate: new Date(nowMs),
    requiredClaims: ['exp', 'sub'],
  };
  const payload = await jwtVerify(token, keyOf, options).then(
    (verified) => verified.payload,
    (error: unknown) => verifyWithEach(token, error, options),
  );
  return checkClaims(payload, nowMs);
}

/** A token that names no key may be signed by any one of its kind: issuers have several while they rotate them. */
async function verifyWithEach(token: string, error: unknown, options: JWTVerifyOptions): Promise<JWTPayload> {
  if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
  let tried = 0;
  for await (const key of error) {
    if (tried === keysTriedMax) break;
    tried += 1;
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (failed) {
      if (!(failed instanceof errors.JWSSignatureVerificationFailed)) throw failed;
    }
  }
  throw new errors.JWSSignatureVerificationFailed();
}

function checkHeader({ crit, typ }: ProtectedHeaderParameters & { readonly typ?: string }): void {
  if (crit !== undefined) throw new Error('its header names extensions (crit)');
  if (typ !== undefined && !types.has(typ.toLowerCase())) throw new Error('its type is for another purpose (typ)');
}

function checkClaims(payload: JWTPayload, nowMs: number): VerifiedClaims {
  // jose has checked that `exp` is a number. What the others are, it does not say.
  const { sub, exp = 0, iat }: Readonly<Record<string, unknown>> & JWTPayload = payload;
  if (typeof sub !== 'string' || sub === '' || sub.length > subjectMax)
    throw new Error('its subject is no text, empty or too long (sub)');
  const issuedAtS = Math.min(typeof iat === 'number' ? iat : Infinity, nowMs / 1_000);
  if (exp - issuedAtS > lifetimeMaxS + toleranceS) throw new Error('it lives for more than 24 hours (exp)');
  return { subject: sub, expiresAtMs: exp * 1_000, claims: payload };
}
