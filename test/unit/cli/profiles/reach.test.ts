// Which source of a setting counts: flag, environment, profile, default.
import { describe, expect, it } from 'vitest';
import type { Profile, Profiles } from '../../../../src/cli/profiles/profile.ts';
import {
  chosenProfile,
  defaultAddress,
  fromEnvironment,
  fromFlags,
  type Reach,
  reachOf,
} from '../../../../src/cli/profiles/reach.ts';

interface Said {
  readonly flag?: Profile;
  readonly variable?: Readonly<Record<string, string>>;
  readonly profile?: Profile;
}

function reach({ flag = {}, variable = {}, profile }: Said): Reach {
  const profiles: Profiles = { current: 'prod', named: new Map(profile && [['prod', profile]]) };
  const chosen = profile && chosenProfile({ named: undefined, isAddressed: false }, () => profiles, 'file');
  return reachOf([fromFlags(flag), fromEnvironment(variable), ...(chosen ? [chosen] : [])]);
}

const names = { address: 'ADDRESS', ca: 'CA', token: 'TOKEN' } as const;

/** What counts of a setting, in one word. */
function counted(said: Said, setting: keyof typeof names): string | undefined {
  const { address, tls, credential } = reach(said);
  if (setting === 'address') return address.value;
  if (setting === 'ca') return tls?.ca?.value;
  if (credential === undefined) return undefined;
  return 'token' in credential ? credential.token.value : credential.tokenFile.value;
}

describe.each(['address', 'ca', 'token'] as const)('the source of %s', (setting) => {
  const flag = { [setting]: 'by flag' };
  const variable = { [`TROUPE_${names[setting]}`]: 'by variable' };
  const profile = { [setting]: 'by profile' };
  const usual = setting === 'address' ? defaultAddress : undefined;

  it.each([
    ['flag over environment', { flag, variable }, 'by flag'],
    ['flag over profile', { flag, profile }, 'by flag'],
    ['flag over default', { flag }, 'by flag'],
    ['environment over profile', { variable, profile }, 'by variable'],
    ['environment over default', { variable }, 'by variable'],
    ['profile over default', { profile }, 'by profile'],
    ['all three', { flag, variable, profile }, 'by flag'],
    ['an empty variable is none', { variable: { [`TROUPE_${names[setting]}`]: '' }, profile }, 'by profile'],
    ['none', {}, usual],
  ])('%s', (_pair, said, expected) => {
    expect(counted(said, setting)).toBe(expected);
  });
});

describe('whether there is TLS', () => {
  it.each([
    ['none', {}, false],
    ['profile over default', { profile: { tls: true } }, true],
    ['environment over profile', { variable: { TROUPE_TLS: 'false' }, profile: { tls: true } }, false],
    ['environment over default', { variable: { TROUPE_TLS: '1' } }, true],
    ['flag over environment', { flag: { tls: false }, variable: { TROUPE_TLS: 'true' } }, false],
    ['flag over profile', { flag: { tls: true }, profile: { tls: false } }, true],
    ['an authority means TLS', { flag: { ca: 'x' }, variable: { TROUPE_TLS: '0' } }, true],
    ['a certificate means TLS', { profile: { clientCert: 'c', clientKey: 'k' } }, true],
    ['no TLS over the authority of a later source', { flag: { tls: false }, profile: { ca: 'x' } }, false],
  ])('%s', (_pair, said, expected) => {
    expect(reach(said).tls !== undefined).toBe(expected);
  });

  it('is no word but true or false', () => {
    expect(() => fromEnvironment({ TROUPE_TLS: 'yes' })).toThrow('TROUPE_TLS: must be true or false');
  });
});

describe('what belongs together comes from one source', () => {
  const pair = (name: string): Profile => ({ clientCert: `${name}.crt`, clientKey: `${name}.key` });
  const variable = { TROUPE_CLIENT_CERT: 'variable.crt', TROUPE_CLIENT_KEY: 'variable.key' };

  it.each([
    ['flag over environment', { flag: pair('flag'), variable }, 'flag'],
    ['flag over profile', { flag: pair('flag'), profile: pair('profile') }, 'flag'],
    ['environment over profile', { variable, profile: pair('profile') }, 'variable'],
    ['profile over default', { profile: pair('profile') }, 'profile'],
  ])('certificate and key: %s', (_pair, said, from) => {
    const { cert, key } = reach(said).tls?.own ?? {};
    expect([cert?.value, key?.value]).toEqual([`${from}.crt`, `${from}.key`]);
  });

  it.each([
    [{ flag: { clientKey: 'k' }, variable }, '--client-key needs --client-cert'],
    [{ flag: { clientCert: 'c' }, variable }, '--client-cert needs --client-key'],
    [{ variable: { TROUPE_CLIENT_CERT: 'c' } }, 'TROUPE_CLIENT_CERT needs TROUPE_CLIENT_KEY'],
    [{ profile: { clientKey: 'k' } }, 'profile prod: clientKey needs profile prod: clientCert'],
    [{ flag: { tls: false, ca: 'x' } }, '--no-tls: without TLS --ca has no use'],
    [{ profile: { tls: false, ...pair('x') } }, 'profile prod: tls: without TLS profile prod: clientCert has no use'],
    [{ flag: { token: 't', tokenFile: 'f' } }, '--token and --token-file: give only one of them'],
  ])('%j is refused', (said, words) => {
    expect(() => reach(said)).toThrow(words);
  });

  it('takes the file of a flag before the token of a variable, and that before either of a profile', () => {
    const [flag, token] = [{ tokenFile: 'flag' }, { TROUPE_TOKEN: 'variable' }];
    expect(counted({ flag, variable: token, profile: { token: 'profile' } }, 'token')).toBe('flag');
    expect(counted({ variable: token, profile: { tokenFile: 'profile' } }, 'token')).toBe('variable');
    expect(counted({ profile: { tokenFile: 'profile' } }, 'token')).toBe('profile');
  });
});

describe('the profile that applies', () => {
  const profiles: Profiles = {
    current: 'prod',
    named: new Map([
      ['prod', { token: 'p' }],
      ['test', { token: 't' }],
    ]),
  };
  const read = (): Profiles => profiles;

  it('is the current one, or the one that is named', () => {
    expect(chosenProfile({ named: undefined, isAddressed: false }, read, 'f')?.said.token).toBe('p');
    const named = { value: 'test', label: '--profile' };
    expect(chosenProfile({ named, isAddressed: false }, read, 'f')?.said.token).toBe('t');
    expect(chosenProfile({ named, isAddressed: true }, read, 'f')?.said.token).toBe('t');
  });

  it('is none if another address is named, and then nothing is read: its token is not for that gateway', () => {
    const unread = (): Profiles => expect.unreachable('the file was read');
    expect(chosenProfile({ named: undefined, isAddressed: true }, unread, 'f')).toBeUndefined();
  });

  it('is said to be missing by who named it, with those that there are', () => {
    const named = { value: 'prd', label: 'TROUPE_PROFILE' };
    expect(() => chosenProfile({ named, isAddressed: false }, read, '/f')).toThrow(
      'TROUPE_PROFILE: there is no profile prd; there are: prod, test in /f',
    );
  });
});
