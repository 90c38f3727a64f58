/**
 * The claims of NATS' auth callout: JSON Web Tokens that are signed by nkeys. The server sends a request, and takes an answer with
 * the claims of a user (ADR-26 of NATS).
 */
import { hash } from 'node:crypto';
import type { FollowerAttempt, FollowerLogin } from '../../application/ports/follower-door.ts';
import { given } from '../../domain/given.ts';
import type { Signer } from './login-signer.ts';

/** What a server asks. */
export interface CalloutRequest extends FollowerAttempt {
  /** The server that asks. The answer is for it alone. */
  readonly server: string;
  /** The key of the connection. The answer is about it alone. */
  readonly userKey: string;
}

/** Subscriptions of one connection, and bytes of one message that it sends: pulls and acknowledgements. */
const subscriptionsMax = 64;
const payloadMaxBytes = 4_096;

/**
 * Reads a request. Its signature is that of the server, whom the sealing of the request and the subject, which belongs to the
 * servers, have already told. Undefined if it is none.
 */
export function parseRequest(text: string): CalloutRequest | undefined {
  const [, claims] = text.split('.');
  if (claims === undefined) return undefined;
  const { nats } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as RequestClaims;
  const { server_id: server, user_nkey: userKey, client_info: client, connect_opts: options } = nats ?? {};
  if (server?.id === undefined || userKey === undefined) return undefined;
  const { user = '', pass: password = '' } = options ?? {};
  return { server: server.id, userKey, user, password, host: client?.host ?? '' };
}

interface RequestClaims {
  readonly nats?: {
    readonly server_id?: { readonly id?: string };
    readonly user_nkey?: string;
    readonly client_info?: { readonly host?: string };
    readonly connect_opts?: { readonly user?: string; readonly pass?: string };
  };
}

/** The answer that lets a connection in, as a user of `account`. */
export function admission(
  key: Signer,
  { user, userKey, server }: CalloutRequest,
  { login, account, nowMs }: { readonly login: FollowerLogin; readonly account: string; readonly nowMs: number },
): string {
  const claims = {
    sub: userKey,
    aud: account,
    name: user,
    exp: Math.floor(login.expiresAtMs / 1_000),
    nats: {
      pub: { allow: login.publish },
      sub: { allow: login.subscribe },
      subs: subscriptionsMax,
      data: -1,
      payload: payloadMaxBytes,
      type: 'user',
      version: 2,
    },
  };
  return answer(key, { userKey, server, nowMs }, { jwt: sign(key, claims, nowMs) });
}

/** The answer that keeps it out. The server logs the text; its client learns no more than that it is not let in. */
export function refusal(key: Signer, { userKey, server }: CalloutRequest, nowMs: number): string {
  return answer(key, { userKey, server, nowMs }, { error: 'refused' });
}

function answer(
  key: Signer,
  { userKey, server, nowMs }: { readonly userKey: string; readonly server: string; readonly nowMs: number },
  found: { readonly jwt?: string; readonly error?: string },
): string {
  const nats = { ...given(found), type: 'authorization_response', version: 2 };
  return sign(key, { sub: userKey, aud: server, nats }, nowMs);
}

function sign(key: Signer, claims: object, nowMs: number): string {
  const body = { iat: Math.floor(nowMs / 1_000), iss: key.publicKey, ...claims };
  const jti = hash('sha256', JSON.stringify(body), 'base64url');
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ jti, ...body })}`;
  return `${text}.${key.sign(Buffer.from(text)).toString('base64url')}`;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
