import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { TokenVerifier } from '../../../../src/application/ports/token-verifier.ts';
import { loadMethodAccess } from '../../../../src/contract/method-access.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { type AuthenticatorOptions, createAuthenticator } from '../../../../src/gateway/access/authenticator.ts';
import { createGatekeeper } from '../../../../src/gateway/access/gatekeeper.ts';
import { callerWith } from '../../../support/callers.ts';
import { openCheck } from '../../../support/open-tenants.ts';

const operatorToken = 'a-token-of-some-length';
const submitter = callerWith(['jobs.submit'], 'acme');

/** Knows one token, `submitter`. */
const tokens: TokenVerifier = {
  verify(token) {
    if (token !== 'submitter') throw new TroupeError('TOKEN_INVALID');
    return submitter;
  },
};

async function admit(
  options: Partial<AuthenticatorOptions>,
  method: string,
  ...authorization: string[]
): Promise<Principal> {
  const all = { operatorToken: undefined, tokens: undefined, withoutCredential: 'nothing', ...options } as const;
  const metadata = new Metadata();
  for (const value of authorization) metadata.add('authorization', value);
  return createGatekeeper(createAuthenticator(all), loadMethodAccess(), openCheck, 1_000_000).admit(method, {
    metadata,
  });
}

const onLoopback = { withoutCredential: 'everything' } as const;
const withIssuer = { tokens };
const open = { withoutCredential: 'work' } as const;

describe('a gateway on loopback that has neither issuer nor token', () => {
  it('takes everyone for the same principal, who may do everything, and looks at no credential', async () => {
    for (const sent of [[], ['Bearer x'], ['Basic x'], ['Bearer x', 'Bearer y']]) {
      expect(await admit(onLoopback, 'DrainNode', ...sent)).toMatchObject({ id: 'anyone', tenant: 'default' });
      expect(await admit(onLoopback, 'SubmitJob', ...sent)).toMatchObject({ id: 'anyone' });
    }
  });
});

describe('a gateway without authentication that others can reach', () => {
  it('lets everyone work, and nobody steer: it says what to configure', async () => {
    expect(await admit(open, 'EraseJobPayloads')).toMatchObject({ id: 'anyone' });
    expect(await admit(open, 'ListNodes')).toMatchObject({ id: 'anyone' });
    // A service account outlives the setting, and its keys work at gateways that ask for credentials.
    for (const method of ['CreateServiceAccount', 'CreateApiKey', 'ListServiceAccounts'])
      await expect(admit(open, method)).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
    const refused = admit(open, 'DrainNode');
    await expect(refused).rejects.toMatchObject({
      code: 'PERMISSION_MISSING',
      metadata: { permission: 'cluster.operate' },
    });
    await expect(refused).rejects.toThrow(/gateway\.operatorTokenPath/);
  });
});

describe('a gateway with an operator token', () => {
  it('lets its holder do everything, on loopback too, and asks others for it', async () => {
    const options = { operatorToken: () => operatorToken, withoutCredential: 'work' } as const;
    expect(await admit(options, 'DrainNode', `Bearer ${operatorToken}`)).toMatchObject({ kind: 'operator' });
    expect(await admit(options, 'SubmitJob')).toMatchObject({ kind: 'anyone' });
    await expect(admit(options, 'DrainNode')).rejects.toMatchObject({ code: 'NO_CREDENTIALS' });
  });

  it('refuses another token for every call, and never repeats one', async () => {
    const options = { operatorToken: () => operatorToken, withoutCredential: 'work' } as const;
    for (const token of ['x', `${operatorToken}x`, operatorToken.slice(1), operatorToken.toUpperCase()]) {
      for (const method of ['DrainNode', 'SubmitJob', 'WhoAmI']) {
        const error: unknown = await admit(options, method, `Bearer ${token}`).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code: 'TOKEN_INVALID' });
        expect(JSON.stringify(error) + String(error)).not.toMatch(/some-length/i);
      }
    }
  });
});

describe('a gateway with an issuer', () => {
  it('admits a token for what its roles allow, in its tenant', async () => {
    expect(await admit(withIssuer, 'SubmitJob', 'Bearer submitter')).toBe(submitter);
    expect(await admit(withIssuer, 'SubmitJob', 'bearer submitter')).toBe(submitter);
    await expect(admit(withIssuer, 'GetJob', 'Bearer submitter')).rejects.toMatchObject({
      code: 'PERMISSION_MISSING',
      message: 'the caller lacks the permission jobs.read, which this call needs',
      metadata: { permission: 'jobs.read' },
    });
  });

  it('tells everyone with a credential who they are, and nobody without one', async () => {
    expect(await admit(withIssuer, 'WhoAmI', 'Bearer submitter')).toBe(submitter);
    await expect(admit(withIssuer, 'WhoAmI')).rejects.toMatchObject({ code: 'NO_CREDENTIALS' });
  });

  it.each([
    ['AMBIGUOUS_CREDENTIALS', ['Bearer submitter', 'Bearer submitter']],
    ['AMBIGUOUS_CREDENTIALS', ['Bearer submitter', '']],
    ['TOKEN_INVALID', ['Basic dXNlcjpwYXNz']],
    ['TOKEN_INVALID', ['Bearer']],
    ['TOKEN_INVALID', ['']],
    ['TOKEN_INVALID', ['submitter']],
    ['TOKEN_INVALID', ['Bearer submitter submitter']],
    ['AMBIGUOUS_CREDENTIALS', ['Bearer submitter, Bearer submitter']],
    ['TOKEN_INVALID', [`Bearer ${'x'.repeat(8_193)}`]],
  ])('answers %s to %j', async (code, sent) => {
    await expect(admit(withIssuer, 'SubmitJob', ...sent)).rejects.toMatchObject({ code });
  });

  it('makes no call of a tenant for a token that names none', async () => {
    const nobody = { ...callerWith(['jobs.read', 'cluster.read']), tenant: undefined };
    const options = { tokens: { verify: () => Promise.resolve(nobody) } };
    await expect(admit(options, 'GetJob', 'Bearer x')).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
    expect(await admit(options, 'ListNodes', 'Bearer x')).toBe(nobody);
  });
});

describe('callers whose issuer has not said its keys yet', () => {
  const metadata = new Metadata();
  metadata.set('authorization', 'Bearer x');
  const large = { submit: { job: { input: { data: new Uint8Array(400_000) } } } };

  it('wait with so much at a time, and are served when the issuer answers', async () => {
    const answer = Promise.withResolvers<Principal>();
    const options = { operatorToken: undefined, withoutCredential: 'nothing' } as const;
    const authenticator = createAuthenticator({ ...options, tokens: { verify: () => answer.promise } });
    const gatekeeper = createGatekeeper(authenticator, loadMethodAccess(), openCheck, 1_000_000);
    const enter = async (request: unknown) => gatekeeper.admit('SubmitJob', { metadata, request });
    const waiting = [enter(large), enter(large)];
    await expect(enter(large)).rejects.toMatchObject({ code: 'OVERLOADED', retryAfterMs: 1_000 });
    await expect(enter(undefined)).rejects.toMatchObject({ code: 'OVERLOADED' });
    const small = enter({ submit: null });
    answer.resolve(submitter);
    expect(await Promise.all([...waiting, small])).toEqual([submitter, submitter, submitter]);
    expect(await Promise.all([enter(large), enter(large)])).toEqual([submitter, submitter]);
  });

  it('take no room from others when they are looked at again, and find room however many wait', async () => {
    const answer = Promise.withResolvers<Principal>();
    const options = { operatorToken: undefined, withoutCredential: 'nothing' } as const;
    const authenticator = createAuthenticator({ ...options, tokens: { verify: () => answer.promise } });
    const gatekeeper = createGatekeeper(authenticator, loadMethodAccess(), openCheck, 1_000_000);
    // A stream of requests counts with what gRPC reads ahead, of which a call that goes on has nothing left.
    const looks = Array.from({ length: 100 }, async () => gatekeeper.admitAgain('SubmitJobStream', { metadata }));
    const first = (async () => gatekeeper.admit('SubmitJob', { metadata, request: large }))();
    const second = (async () => gatekeeper.admit('SubmitJob', { metadata, request: large }))();
    looks.push((async () => gatekeeper.admitAgain('SubmitJobStream', { metadata }))());
    answer.resolve(submitter);
    expect(new Set(await Promise.all([...looks, first, second]))).toEqual(new Set([submitter]));
    await expect((async () => gatekeeper.admitAgain('GetJob', { metadata }))()).rejects.toMatchObject({
      code: 'PERMISSION_MISSING',
    });
  });

  it('leave no trace if they are refused and the issuer then fails', async () => {
    const answer = Promise.withResolvers<Principal>();
    const options = { operatorToken: undefined, withoutCredential: 'nothing' } as const;
    const authenticator = createAuthenticator({ ...options, tokens: { verify: () => answer.promise } });
    const gatekeeper = createGatekeeper(authenticator, loadMethodAccess(), openCheck, 1);
    const enter = async () => gatekeeper.admit('SubmitJob', { metadata, request: large });
    const one = enter();
    await expect(enter()).rejects.toMatchObject({ code: 'OVERLOADED' });
    answer.reject(new TroupeError('ISSUER_UNAVAILABLE'));
    await expect(one).rejects.toMatchObject({ code: 'ISSUER_UNAVAILABLE' });
  });
});

describe('a method that nobody knows', () => {
  it('is admitted for nobody', async () => {
    for (const method of ['FormatDisk', 'toString', '__proto__']) {
      await expect(admit(onLoopback, method)).rejects.toThrow('invariant broken');
    }
  });
});
