/** An issuer of tokens on loopback: a discovery document, a set of keys, and a pen. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

type Behaviour = 'answers' | 'fails' | 'answers-html' | 'answers-nothing' | 'is-silent';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export interface TokenIssuer {
  readonly url: string;
  readonly audience: string;
  behaviour: Behaviour;
  /** Where its discovery document says that its keys are. */
  keysUrl: string;
  /** Requests for the set of keys so far. */
  readonly asked: () => number;
  /** The header of the last request. */
  readonly lastAuthorization: () => string | undefined;
  /** A token of the newest key. A claim of `undefined` is left out. */
  sign(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>;
  /** From now on a new key signs. With `forget`, the former ones are no longer in the set. */
  rotate(options?: { readonly alg?: string; readonly forget?: boolean }): Promise<void>;
  /** The public keys, as they are served. */
  readonly keys: () => readonly JWK[];
  readonly newest: () => SigningKey;
  close(): Promise<void>;
}

export async function startIssuer(): Promise<TokenIssuer> {
  let keys: SigningKey[] = [];
  let asked = 0;
  let serial = 0;
  let authorization: string | undefined;
  const held = new Set<ServerResponse>();

  const server = createServer((request, response) => {
    authorization = request.headers.authorization;
    if (request.url === '/keys') asked += 1;
    answer(response, request.url ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function answer(response: ServerResponse, path: string): void {
    switch (issuer.behaviour) {
      case 'answers':
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify(
            path === '/keys' ? { keys: keys.map(({ jwk }) => jwk) } : { issuer: url, jwks_uri: issuer.keysUrl },
          ),
        );
        return;
      case 'fails':
        response.statusCode = 503;
        response.end();
        return;
      case 'answers-html':
        response.end('<html>please log in</html>');
        return;
      case 'answers-nothing':
        response.end(JSON.stringify({ keys: [] }));
        return;
      case 'is-silent':
        held.add(response);
    }
  }

  function newest(): SigningKey {
    const key = keys.at(-1);
    if (key === undefined) throw new Error('the issuer has no key');
    return key;
  }

  const issuer: TokenIssuer = {
    url,
    audience: 'troupe',
    behaviour: 'answers',
    keysUrl: `${url}/keys`,
    asked: () => asked,
    lastAuthorization: () => authorization,
    keys: () => keys.map(({ jwk }) => jwk),
    newest,
    async sign(claims = {}, header = {}) {
      const { kid, alg, privateKey } = newest();
      const nowS = Math.floor(Date.now() / 1_000);
      const payload = { iss: url, aud: 'troupe', sub: 'alice', iat: nowS, exp: nowS + 3_600, ...claims };
      return new SignJWT(payload).setProtectedHeader({ alg, kid, ...header }).sign(privateKey);
    },
    async rotate({ alg = 'ES256', forget = false } = {}) {
      const pair = await generateKeyPair(alg, { extractable: true });
      serial += 1;
      const kid = `key-${serial}`;
      const key = { kid, alg, privateKey: pair.privateKey, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg } };
      keys = forget ? [key] : [...keys, key];
    },
    async close() {
      for (const response of held) response.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  await issuer.rotate();
  return issuer;
}
