import { expect, it, vi } from 'vitest';
import type { FetchDocument } from '../../../../src/adapters/issuers/fetch-document.ts';
import { IssuerKeys } from '../../../../src/adapters/issuers/issuer-keys.ts';
import { createVirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { silentLog } from '../../../support/stores.ts';

const issuer = 'https://id.example.com';
type Asked = readonly [url: string, bearer: string | undefined];

/** What is asked when the keys are at `place`, and the reason that is logged if that fails. */
async function askedFor(place: string, keysUrl?: string): Promise<{ asked: Asked[]; reasons: string[] }> {
  const asked: Asked[] = [];
  const reasons: string[] = [];
  const fetchDocument: FetchDocument = async ({ url, bearer }) => {
    asked.push([url, bearer]);
    if (url.endsWith('openid-configuration')) return { issuer, jwks_uri: place };
    throw new Error(`${url} answered with the status 401`);
  };
  const mapping = { issuer: 'corp', tenant: { fixed: 'acme' }, groupsClaim: ['groups'], roles: [], groupRoles: {} };
  const keys = new IssuerKeys({
    settings: {
      mapping,
      issuer,
      audience: 'troupe',
      algorithms: ['ES256'],
      keysUrl,
      ca: () => undefined,
      bearer: () => 'a-secret',
    },
    fetchDocument,
    clock: createVirtualClock(),
    log: { ...silentLog, warn: ({ err }) => void reasons.push((err as Error).message) },
    away: { set: () => undefined, remove: () => undefined },
  });
  keys.begin();
  await vi.waitUntil(() => reasons.length > 0);
  return { asked, reasons };
}

const discovery = `${issuer}/.well-known/openid-configuration`;

it('the token of bearerPath goes to the issuer, and to the address in the configuration', async () => {
  expect((await askedFor(`${issuer}/keys`)).asked).toEqual([
    [discovery, 'a-secret'],
    [`${issuer}/keys`, 'a-secret'],
  ]);
  const other = 'https://keys.example.net/set';
  expect((await askedFor('', other)).asked).toEqual([[other, 'a-secret']]);
});

it.each(['https://keys.example.net/set', 'https://id.example.com:8443/set', 'https://id.example.com.evil.net/set'])(
  'it does not go to %s because a discovery document says so, and the log says what to configure',
  async (place) => {
    const { asked, reasons } = await askedFor(place);
    expect(asked).toEqual([
      [discovery, 'a-secret'],
      [place, undefined],
    ]);
    expect(reasons).toEqual([expect.stringContaining('keysUrl')]);
  },
);
