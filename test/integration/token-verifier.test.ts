/** Tokens against a real issuer: keys by HTTP, real signatures, and clocks that the test turns. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { base64url, CompactSign, exportSPKI, generateKeyPair, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fetchDocument } from '../../src/adapters/issuers/fetch-document.ts';
import type { IssuerSettings } from '../../src/adapters/issuers/issuer-settings.ts';
import { createPrometheusTelemetry } from '../../src/adapters/telemetry/prometheus.ts';
import { createTokenVerifier } from '../../src/adapters/issuers/token-verifier.ts';
import { rolesWith } from '../../src/domain/access/role.ts';
import { silentLog } from '../support/stores.ts';
import { startIssuer, type TokenIssuer } from '../support/token-issuer.ts';

let issuer: TokenIssuer;
/** What the clocks of the verifier are ahead, in ms. */
let aheadMs = 0;
const refusals: string[] = [];

const clock = {
  nowMs: () => Date.now() + aheadMs,
  wallMs: () => Date.now() + aheadMs,
  monotonicMs: () => performance.now() + aheadMs,
  setTimer: () => () => undefined,
};
const log = {
  ...silentLog,
  info: ({ reason }: Readonly<Record<string, unknown>>) => {
    if (typeof reason === 'string') refusals.push(reason);
  },
};

function settingsOf({ url, audience }: TokenIssuer, changes: Partial<IssuerSettings> = {}): IssuerSettings {
  return {
    mapping: {
      issuer: 'corp',
      tenant: { claim: ['tenant'] },
      groupsClaim: ['groups'],
      roles: ['viewer'],
      groupRoles: {},
    },
    issuer: url,
    audience,
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    keysUrl: undefined,
    ca: () => undefined,
    bearer: () => undefined,
    ...changes,
  };
}

let telemetry = createPrometheusTelemetry();

function verifierOf(...issuers: readonly IssuerSettings[]) {
  const all = issuers.length > 0 ? issuers : [settingsOf(issuer)];
  return createTokenVerifier({ issuers: all, roles: rolesWith({}), fetchDocument, clock, log, telemetry });
}

async function outcome(token: string, verifier = verifierOf()): Promise<string> {
  try {
    return (await verifier.verify(token)).id;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const nowS = () => Math.floor(Date.now() / 1_000);

beforeEach(async () => {
  aheadMs = 0;
  refusals.length = 0;
  issuer = await startIssuer();
});
afterEach(async () => {
  await issuer.close();
});

describe('a token', () => {
  it('of the issuer names its principal', async () => {
    const token = await issuer.sign({ tenant: 'acme' });
    expect(await verifierOf().verify(token)).toMatchObject({
      kind: 'subject',
      id: 'jwt:corp:alice',
      tenant: 'acme',
      roles: ['viewer'],
    });
  });

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('may be signed with %s', async (alg) => {
    await issuer.rotate({ alg });
    expect(await outcome(await issuer.sign())).toBe('jwt:corp:alice');
  });

  it('may name no key while the issuer has several of its kind', async () => {
    const [first, second] = [
      await issuer.sign({}, { kid: undefined }),
      (await issuer.rotate(), await issuer.sign({}, { kid: undefined })),
    ];
    expect(await outcome(first)).toBe('jwt:corp:alice');
    expect(await outcome(second)).toBe('jwt:corp:alice');
    const { privateKey } = await generateKeyPair('ES256');
    const payload = { iss: issuer.url, aud: 'troupe', sub: 'alice', exp: nowS() + 60 };
    expect(await outcome(await new SignJWT(payload).setProtectedHeader({ alg: 'ES256' }).sign(privateKey))).toBe(
      'TOKEN_INVALID',
    );
  });

  it('is known at once when it comes again, until its time is over', async () => {
    const verifier = verifierOf();
    const token = await issuer.sign({ exp: nowS() + 30 });
    await verifier.verify(token);
    expect(verifier.verify(token)).not.toBeInstanceOf(Promise);
    aheadMs = 61_000;
    await expect(async () => verifier.verify(token)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' });
  });

  it.each([
    ['is expired', { exp: nowS() - 31 }, 'TOKEN_EXPIRED'],
    ['expired a moment ago', { exp: nowS() - 10 }, 'jwt:corp:alice'],
    ['never expires', { exp: undefined }, 'TOKEN_INVALID'],
    ['expires at a text', { exp: String(nowS() + 60) as unknown as number }, 'TOKEN_INVALID'],
    ['lives for two days', { exp: nowS() + 48 * 3_600 }, 'TOKEN_INVALID'],
    ['lives for two days, and has no time of issue', { iat: undefined, exp: nowS() + 48 * 3_600 }, 'TOKEN_INVALID'],
    ['was issued at a text', { iat: 'x' as unknown as number, exp: nowS() + 48 * 3_600 }, 'TOKEN_INVALID'],
    [
      'was issued for two days, of which one is over',
      { iat: nowS() - 24 * 3_600, exp: nowS() + 3_600 },
      'TOKEN_INVALID',
    ],
    ['is not valid yet', { nbf: nowS() + 60 }, 'TOKEN_INVALID'],
    ['is for another audience', { aud: 'other' }, 'TOKEN_INVALID'],
    ['is for nobody', { aud: undefined }, 'TOKEN_INVALID'],
    ['is for several, us among them', { aud: ['other', 'troupe'] }, 'jwt:corp:alice'],
    ['is of another issuer', { iss: 'https://evil.example.com' }, 'TOKEN_INVALID'],
    ['is of no issuer', { iss: undefined }, 'TOKEN_INVALID'],
    ['is of an issuer that is no text', { iss: ['x'] as unknown as string }, 'TOKEN_INVALID'],
    ['is of an issuer named like a property', { iss: '__proto__' }, 'TOKEN_INVALID'],
    ['has no subject', { sub: undefined }, 'TOKEN_INVALID'],
    ['has an empty subject', { sub: '' }, 'TOKEN_INVALID'],
    ['has a number as subject', { sub: 4_711 as unknown as string }, 'TOKEN_INVALID'],
    ['has a long subject', { sub: 'x'.repeat(256) }, 'TOKEN_INVALID'],
    ['names a tenant that cannot be', { tenant: 'a.b' }, 'TOKEN_INVALID'],
  ])('that %s: %j is %s', async (_, claims, expected) => {
    expect(await outcome(await issuer.sign(claims))).toBe(expected);
  });

  it.each([
    ['has an extension that must be understood', { crit: ['b64'], b64: true }],
    ['is a token for logging out', { typ: 'logout+jwt' }],
    ['names a key that looks like a path', { kid: '../../etc/passwd' }],
    ['names a key that looks like SQL', { kid: "' OR 1=1 --" }],
    ['names a key like a property', { kid: '__proto__' }],
  ])('that %s is refused', async (_, header) => {
    const { privateKey, alg, kid } = issuer.newest();
    const text = JSON.stringify({ iss: issuer.url, aud: 'troupe', sub: 'alice', exp: nowS() + 60 });
    const token = await new CompactSign(new TextEncoder().encode(text))
      .setProtectedHeader({ alg, kid, ...header })
      .sign(privateKey);
    expect(await outcome(token)).toBe('TOKEN_INVALID');
  });

  it('without a signature is refused', async () => {
    const claims = { iss: issuer.url, aud: 'troupe', sub: 'alice', exp: nowS() + 60 };
    expect(await outcome(new UnsecuredJWT(claims).encode())).toBe('TOKEN_INVALID');
    const [header = '', payload = ''] = (await issuer.sign()).split('.');
    expect(await outcome(`${header}.${payload}.`)).toBe('TOKEN_INVALID');
  });

  it('signed with the public key as if it were a shared secret is refused', async () => {
    await issuer.rotate({ alg: 'RS256', forget: true });
    const [jwk] = issuer.keys();
    const pem = await exportSPKI((await importJWK({ ...jwk, ext: true }, 'RS256', { extractable: true })) as never);
    const part = (value: object) => base64url.encode(JSON.stringify(value));
    const signed = `${part({ alg: 'HS256', kid: jwk?.kid })}.${part({ iss: issuer.url, aud: 'troupe', sub: 'x', exp: nowS() + 60 })}`;
    const token = `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;
    expect(await outcome(token)).toBe('TOKEN_INVALID');
  });

  it('that brings its own key is refused', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' });
    for (const header of [{ jwk }, { jku: `${issuer.url}/keys` }, { x5u: issuer.url }]) {
      const token = await new SignJWT({ iss: issuer.url, aud: 'troupe', sub: 'x', exp: nowS() + 60 })
        .setProtectedHeader({ alg: 'ES256', kid: issuer.newest().kid, ...header })
        .sign(privateKey);
      expect(await outcome(token)).toBe('TOKEN_INVALID');
    }
  });

  it('of another curve or algorithm than its key is refused', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const token = await new SignJWT({ iss: issuer.url, aud: 'troupe', sub: 'x', exp: nowS() + 60 })
      .setProtectedHeader({ alg: 'ES384', kid: issuer.newest().kid })
      .sign(privateKey);
    expect(await outcome(token)).toBe('TOKEN_INVALID');
    expect(await outcome(await issuer.sign(), verifierOf(settingsOf(issuer, { algorithms: ['RS256'] })))).toBe(
      'TOKEN_INVALID',
    );
  });

  it('around another token is refused, and so is whatever is no token', async () => {
    const inner = await issuer.sign();
    const { privateKey, alg, kid } = issuer.newest();
    const nested = await new CompactSign(new TextEncoder().encode(inner))
      .setProtectedHeader({ alg, kid, cty: 'JWT' })
      .sign(privateKey);
    const broken = [
      nested,
      inner.slice(0, -2),
      `${inner}x`,
      inner.replace('.', '..'),
      'a.b.c',
      'x',
      '....',
      `${inner}.${inner}`,
    ];
    for (const token of broken) expect(await outcome(token)).toBe('TOKEN_INVALID');
  });

  it('is refused with one text, and the log alone has the reason', async () => {
    const verifier = verifierOf();
    for (const claims of [{ aud: 'other' }, { sub: '' }]) {
      await expect(async () => verifier.verify(await issuer.sign(claims))).rejects.toThrow(
        'the token is not valid here',
      );
    }
    expect(refusals).toEqual([expect.stringContaining('"aud"'), expect.stringContaining('sub')]);
  });
});

describe('the log of refusals', () => {
  it('has no word of a token that nobody has signed, so that ever new ones bring no ever new reasons', async () => {
    const verifier = verifierOf();
    const part = (value: object) => base64url.encode(JSON.stringify(value));
    const payload = part({ iss: issuer.url, aud: 'troupe', sub: 'x', exp: nowS() + 60 });
    for (let n = 0; n < 20; n += 1) {
      const word = `made-up-${n}`;
      for (const header of [{ crit: [word], [word]: 1 }, { typ: word }, { alg: word }, { kid: word }, { cty: word }]) {
        const token = `${part({ alg: 'ES256', kid: 'key-1', ...header })}.${payload}.AAAA`;
        expect(await outcome(token, verifier)).toBe('TOKEN_INVALID');
      }
      expect(await outcome(`${part({ alg: 'ES256' })}.${part({ iss: word })}.AAAA`, verifier)).toBe('TOKEN_INVALID');
      expect(await outcome(`${word}.${word}.${word}`, verifier)).toBe('TOKEN_INVALID');
    }
    expect(refusals.filter((reason) => reason.includes('made-up'))).toEqual([]);
    expect(new Set(refusals).size).toBeLessThan(10);
  });
});

describe('two issuers', () => {
  it('may have keys of the same id: each signs for itself alone', async () => {
    const other = await startIssuer();
    try {
      const mapping = { ...settingsOf(other).mapping, issuer: 'partner' };
      const verifier = verifierOf(settingsOf(issuer), settingsOf(other, { mapping }));
      expect(issuer.newest().kid).toBe(other.newest().kid);
      expect(await outcome(await issuer.sign(), verifier)).toBe('jwt:corp:alice');
      expect(await outcome(await other.sign(), verifier)).toBe('jwt:partner:alice');
      expect(await outcome(await other.sign({ iss: issuer.url }), verifier)).toBe('TOKEN_INVALID');
    } finally {
      await other.close();
    }
  });
});

describe('the keys of an issuer', () => {
  it('are found where its discovery document says, or where the configuration does', async () => {
    const settings = settingsOf(issuer, { keysUrl: `${issuer.url}/keys`, bearer: () => 'a-token' });
    expect(await outcome(await issuer.sign(), verifierOf(settings))).toBe('jwt:corp:alice');
    expect(issuer.lastAuthorization()).toBe('Bearer a-token');
  });

  it('are fetched before the first call, so that a wrong address is in the log at the start', async () => {
    verifierOf();
    await vi.waitUntil(() => issuer.asked() === 1);
  });

  it('that the issuer withdrew while nobody asked for long count no more, although the fetch before had failed', async () => {
    const verifier = verifierOf();
    await verifier.verify(await issuer.sign());
    const withdrawn = await issuer.sign({ sub: 'bob', iat: nowS() + 7_200, exp: nowS() + 10_000 });
    issuer.behaviour = 'fails';
    aheadMs = 15 * 60_000;
    const later = () => issuer.sign({ iat: nowS() + aheadMs / 1_000, exp: nowS() + aheadMs / 1_000 + 60 });
    expect(await outcome(await later(), verifier)).toBe('jwt:corp:alice');
    issuer.behaviour = 'answers';
    await issuer.rotate({ forget: true });
    aheadMs = 7_200_000;
    expect(await outcome(withdrawn, verifier)).toBe('TOKEN_INVALID');
  });

  it('are fetched once for many calls, and for a new key at once', async () => {
    const verifier = verifierOf();
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => issuer.sign({ sub: `user-${n}` })));
    await Promise.all(tokens.map(async (token) => verifier.verify(token)));
    expect(issuer.asked()).toBe(1);
    await issuer.rotate();
    expect(await outcome(await issuer.sign(), verifier)).toBe('jwt:corp:alice');
    expect(issuer.asked()).toBe(2);
  });

  it('are not asked for more than once in 30 s because of keys that do not exist', async () => {
    const verifier = verifierOf();
    await verifier.verify(await issuer.sign());
    const made = await Promise.all(Array.from({ length: 20 }, (_, n) => issuer.sign({}, { kid: `made-up-${n}` })));
    for (const token of made) expect(await outcome(token, verifier)).toBe('TOKEN_INVALID');
    expect(issuer.asked()).toBe(2);
    aheadMs = 30_001;
    for (const token of made) expect(await outcome(token, verifier)).toBe('TOKEN_INVALID');
    expect(issuer.asked()).toBe(3);
  });

  it('of an issuer that withdraws one count no more after the next fetch, and a minute', async () => {
    const verifier = verifierOf();
    const token = await issuer.sign();
    await verifier.verify(token);
    await issuer.rotate({ forget: true });
    aheadMs = 9 * 60_000 + 1;
    // The set is fetched beside this call.
    await outcome(token, verifier);
    await vi.waitUntil(() => issuer.asked() === 2);
    aheadMs += 60_001;
    await vi.waitUntil(async () => (await outcome(token, verifier)) === 'TOKEN_INVALID');
  });

  it('of an issuer that withdraws one while nobody calls do not count at the next call', async () => {
    const verifier = verifierOf();
    const later = () => issuer.sign({ iat: nowS() + aheadMs / 1_000, exp: nowS() + aheadMs / 1_000 + 60 });
    await verifier.verify(await issuer.sign());
    aheadMs = 10 * 60_000 + 1;
    const withdrawn = await later();
    await issuer.rotate({ forget: true });
    expect(await outcome(withdrawn, verifier)).toBe('TOKEN_INVALID');
    expect(await outcome(await later(), verifier)).toBe('jwt:corp:alice');
  });

  it('that are new while the issuer is away make a call retryable, and the metric says that it is away', async () => {
    telemetry = createPrometheusTelemetry();
    const verifier = verifierOf();
    await verifier.verify(await issuer.sign());
    await issuer.rotate();
    issuer.behaviour = 'fails';
    const [one, other] = [await issuer.sign(), await issuer.sign({ sub: 'bob' })];
    expect(await outcome(one, verifier)).toBe('ISSUER_UNAVAILABLE');
    expect(await outcome(other, verifier)).toBe('ISSUER_UNAVAILABLE');
    expect(await telemetry.metricsText()).toContain('troupe_gateway_issuer_away{issuer="corp"} 1');
    issuer.behaviour = 'answers';
    aheadMs = 30_001;
    expect(await outcome(one, verifier)).toBe('jwt:corp:alice');
    expect(await telemetry.metricsText()).toContain('troupe_gateway_issuer_away{issuer="corp"} 0');
  });

  it.each(['fails', 'answers-html', 'answers-nothing'] as const)(
    'stay for a day while the issuer %s, and the first answer counts again',
    async (behaviour) => {
      const verifier = verifierOf();
      await verifier.verify(await issuer.sign());
      issuer.behaviour = behaviour;
      aheadMs = 23 * 3_600_000;
      const later = () => issuer.sign({ iat: nowS() + aheadMs / 1_000, exp: nowS() + aheadMs / 1_000 + 60 });
      expect(await outcome(await later(), verifier)).toBe('jwt:corp:alice');
      aheadMs = 24 * 3_600_000 + 1_000;
      expect(await outcome(await later(), verifier)).toBe('ISSUER_UNAVAILABLE');
      issuer.behaviour = 'answers';
      aheadMs += 60_001;
      expect(await outcome(await later(), verifier)).toBe('jwt:corp:alice');
    },
  );

  it('that were never known make a call retryable, and the issuer is asked less and less often', async () => {
    issuer.behaviour = 'answers-nothing';
    const verifier = verifierOf(settingsOf(issuer, { keysUrl: `${issuer.url}/keys` }));
    const token = await issuer.sign({ exp: nowS() + 3_600 });
    for (let second = 0; second < 63; second += 1) {
      aheadMs = second * 1_000;
      expect(await outcome(token, verifier)).toBe('ISSUER_UNAVAILABLE');
    }
    // After 0, 1, 3, 7, 15 and 31 s.
    expect(issuer.asked()).toBeLessThanOrEqual(7);
    issuer.behaviour = 'answers';
    aheadMs += 60_001;
    expect(await outcome(token, verifier)).toBe('jwt:corp:alice');
  });

  it('of a silent issuer are given up after 5 s', async () => {
    issuer.behaviour = 'is-silent';
    expect(await outcome(await issuer.sign())).toBe('ISSUER_UNAVAILABLE');
  });

  it('are not taken in plain text from another place than the issuer', async () => {
    const other = await startIssuer();
    try {
      issuer.keysUrl = `${other.url}/keys`;
      expect(await outcome(await issuer.sign())).toBe('ISSUER_UNAVAILABLE');
      expect(other.asked()).toBe(0);
    } finally {
      await other.close();
    }
  });

  it('that cannot be fetched are said to be so once, with the cause beside it', async () => {
    await issuer.close();
    await expect(fetchDocument({ url: issuer.url, ca: undefined, bearer: undefined })).rejects.toMatchObject({
      message: `${issuer.url} does not answer`,
      cause: { code: 'ECONNREFUSED' },
    });
    issuer = await startIssuer();
  });

  it('are not taken from a document about another issuer', async () => {
    const posing = settingsOf(issuer, { issuer: `${issuer.url}/` });
    expect(await outcome(await issuer.sign({ iss: `${issuer.url}/` }), verifierOf(posing))).toBe('ISSUER_UNAVAILABLE');
  });
});
