/**
 * An issuer on loopback that logs people in by a device code: discovery, the code, tokens, refresh with rotation, and
 * revocation. A refresh token counts once. Whoever polls sooner than it may is told off as the test says.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface DeviceIssuer {
  readonly url: string;
  /** What a person does with the code; `null`: nothing yet. */
  decision: 'allow' | 'deny' | 'expire' | null;
  /** The next poll is answered with slow_down, and one that comes less than 5 s after it with access_denied. */
  slowDownOnce: boolean;
  isDown: boolean;
  /** Life of the access tokens that it gives, in s. */
  lifeS: number;
  codeLifeS: number;
  canRevoke: boolean;
  /** Bodies of the requests so far, by path. */
  readonly asked: (path: string) => readonly URLSearchParams[];
  readonly revoked: ReadonlySet<string>;
  close(): Promise<void>;
}

export async function startDeviceIssuer(): Promise<DeviceIssuer> {
  const log: { readonly path: string; readonly body: URLSearchParams }[] = [];
  const revoked = new Set<string>();
  const good = new Set<string>();
  let serial = 0;
  let slowUntilMs = 0;

  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const path = request.url ?? '';
      const body = new URLSearchParams(Buffer.concat(parts).toString());
      log.push({ path, body });
      const [status, answer] = issuer.isDown ? [503, {}] : answerTo(path, body);
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(answer));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function answerTo(path: string, body: URLSearchParams): readonly [number, object] {
    switch (path) {
      case '/.well-known/openid-configuration':
        return [200, { issuer: url, ...endpoints(issuer.canRevoke) }];
      case '/device':
        return [
          200,
          {
            device_code: 'd',
            user_code: 'WDJB-MJHT',
            verification_uri: `${url}/enter`,
            expires_in: issuer.codeLifeS,
            interval: 1,
          },
        ];
      case '/token':
        return body.get('grant_type') === 'refresh_token' ? refresh(body) : poll();
      case '/revoke':
        revoked.add(body.get('token') ?? '');
        return [200, {}];
      default:
        return [404, {}];
    }
  }

  function endpoints(canRevoke: boolean): object {
    const always = { device_authorization_endpoint: `${url}/device`, token_endpoint: `${url}/token` };
    return canRevoke ? { ...always, revocation_endpoint: `${url}/revoke` } : always;
  }

  function poll(): readonly [number, object] {
    if (performance.now() < slowUntilMs) return [400, { error: 'access_denied' }];
    if (issuer.slowDownOnce) {
      issuer.slowDownOnce = false;
      slowUntilMs = performance.now() + 5_000;
      return [400, { error: 'slow_down' }];
    }
    if (issuer.decision === 'allow') return [200, tokens()];
    const errors = { deny: 'access_denied', expire: 'expired_token' };
    return [400, { error: issuer.decision === null ? 'authorization_pending' : errors[issuer.decision] }];
  }

  function refresh(body: URLSearchParams): readonly [number, object] {
    const isGood = good.delete(body.get('refresh_token') ?? '');
    return isGood ? [200, tokens()] : [400, { error: 'invalid_grant' }];
  }

  function tokens(): object {
    serial += 1;
    good.add(`refresh-${serial}`);
    return {
      access_token: `access-${serial}`,
      refresh_token: `refresh-${serial}`,
      token_type: 'Bearer',
      expires_in: issuer.lifeS,
    };
  }

  const issuer: DeviceIssuer = {
    url,
    decision: 'allow',
    slowDownOnce: false,
    isDown: false,
    lifeS: 3_600,
    codeLifeS: 600,
    canRevoke: true,
    asked: (path) => log.filter((each) => each.path === path).map(({ body }) => body),
    revoked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return issuer;
}
