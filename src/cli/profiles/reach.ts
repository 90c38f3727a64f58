/**
 * How a client command reaches its gateway: what flags, environment and profile say, put together. Pure. For each
 * setting the first source in the order flag, environment, profile counts, else the default. Settings that make sense
 * only together come from one source: certificate and key, and the two ways to name a token.
 */
import { given } from '../../domain/given.ts';
import { ownValue } from '../../domain/own-value.ts';
import { UsageError } from '../errors/exit-code.ts';
import { type Profile, type ProfileKey, type Profiles, unknownProfile } from './profile.ts';

export const defaultAddress = '127.0.0.1:50051';

/** What `troupe login` asks an issuer with does not change how the gateway is reached. */
type ReachKey = Exclude<ProfileKey, 'issuer' | 'clientId' | 'scope' | 'audience'>;

/** What one source says. */
export interface ReachSource {
  readonly said: Profile;
  /** How an error names a setting of this source: `--client-cert`, `TROUPE_CLIENT_CERT`, `profile prod: clientCert`. */
  readonly label: (key: ReachKey) => string;
}

/** A value, and how an error names it. */
export interface Labelled {
  readonly value: string;
  readonly label: string;
}

export interface Reach {
  readonly address: Labelled;
  /** Undefined for plain text. */
  readonly tls:
    { readonly ca?: Labelled; readonly own?: { readonly cert: Labelled; readonly key: Labelled } } | undefined;
  readonly credential: { readonly token: Labelled } | { readonly tokenFile: Labelled } | undefined;
}

/** `sources` in their order of precedence. Throws UsageError. */
export function reachOf(sources: readonly ReachSource[]): Reach {
  const tlsKeys = ['ca', 'clientCert', 'clientKey'] as const;
  for (const { said, label } of sources) {
    const contrary = said.tls === false ? tlsKeys.find((key) => said[key] !== undefined) : undefined;
    if (contrary !== undefined) throw new UsageError(`${label('tls')}: without TLS ${label(contrary)} has no use`);
    if (said.token !== undefined && said.tokenFile !== undefined)
      throw new UsageError(`${label('token')} and ${label('tokenFile')}: give only one of them`);
  }
  const text = (...keys: readonly Exclude<ReachKey, 'tls'>[]): Labelled | undefined => {
    const source = firstWith(sources, keys);
    const key = keys.find((name) => source?.said[name] !== undefined);
    const value = key === undefined ? undefined : source?.said[key];
    return source === undefined || key === undefined || value === undefined
      ? undefined
      : { value, label: source.label(key) };
  };
  const aboutTls = firstWith(sources, ['tls', ...tlsKeys]);
  const isTls = aboutTls !== undefined && aboutTls.said.tls !== false;
  const token = firstWith(sources, ['token', 'tokenFile'])?.said.token === undefined ? undefined : text('token');
  const tokenFile = token === undefined ? text('tokenFile') : undefined;
  return {
    address: text('address') ?? { value: defaultAddress, label: 'address' },
    tls: isTls ? given({ ca: text('ca'), own: ownCertificate(sources) }) : undefined,
    credential: token ? { token } : tokenFile ? { tokenFile } : undefined,
  };
}

function firstWith(sources: readonly ReachSource[], keys: readonly ReachKey[]): ReachSource | undefined {
  return sources.find(({ said }) => keys.some((key) => said[key] !== undefined));
}

/** A certificate of one source with a key of another would be a pair by chance. */
function ownCertificate(
  sources: readonly ReachSource[],
): { readonly cert: Labelled; readonly key: Labelled } | undefined {
  const source = firstWith(sources, ['clientCert', 'clientKey']);
  if (source === undefined) return undefined;
  const { said, label } = source;
  const [cert, key] = [said.clientCert, said.clientKey];
  if (cert === undefined) throw new UsageError(`${label('clientKey')} needs ${label('clientCert')}`);
  if (key === undefined) throw new UsageError(`${label('clientCert')} needs ${label('clientKey')}`);
  return { cert: { value: cert, label: label('clientCert') }, key: { value: key, label: label('clientKey') } };
}

const flags: Readonly<Record<ReachKey, string>> = {
  address: '--address',
  tls: '--no-tls',
  ca: '--ca',
  clientCert: '--client-cert',
  clientKey: '--client-key',
  token: '--token',
  tokenFile: '--token-file',
};

const variables: Readonly<Record<Exclude<ReachKey, 'tokenFile'>, string>> = {
  address: 'TROUPE_ADDRESS',
  tls: 'TROUPE_TLS',
  ca: 'TROUPE_CA',
  clientCert: 'TROUPE_CLIENT_CERT',
  clientKey: 'TROUPE_CLIENT_KEY',
  token: 'TROUPE_TOKEN',
};

export function fromFlags(said: Profile): ReachSource {
  return { said, label: (key) => flags[key] };
}

/** An empty variable counts as not set. Throws UsageError. */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): ReachSource {
  const label = (key: ReachKey): string => (key === 'tokenFile' ? '' : variables[key]);
  const of = (key: Exclude<ReachKey, 'tokenFile'>): string | undefined =>
    ownValue(environment, variables[key]) || undefined;
  const said = given({
    address: of('address'),
    tls: switched(variables.tls, of('tls')),
    ca: of('ca'),
    clientCert: of('clientCert'),
    clientKey: of('clientKey'),
    token: of('token'),
  });
  return { said, label };
}

function switched(variable: string, text: string | undefined): boolean | undefined {
  switch (text) {
    case undefined:
      return undefined;
    case 'true':
    case '1':
      return true;
    case 'false':
    case '0':
      return false;
    default:
      throw new UsageError(`${variable}: must be true or false`);
  }
}

/** Which profile a command uses, and who named it. */
export interface Choice {
  /** `--profile prod` or `TROUPE_PROFILE=prod`, if either is there. */
  readonly named: Labelled | undefined;
  /** Whether a flag or a variable names the address. */
  readonly isAddressed: boolean;
}

/**
 * The profile that applies. Undefined if there is none. The current profile does not apply when a flag or a variable
 * names another address: its token would go to a gateway that nobody meant to have it. `read` is not called then.
 */
export function chosenProfile(
  { named, isAddressed }: Choice,
  read: () => Profiles,
  file: string,
): (ReachSource & { readonly name: string }) | undefined {
  if (named === undefined && isAddressed) return undefined;
  const profiles = read();
  const name = named?.value ?? profiles.current;
  if (name === undefined) return undefined;
  const said = profiles.named.get(name);
  if (said === undefined)
    throw new UsageError(`${named?.label ?? 'current'}: ${unknownProfile(name, profiles.named)} in ${file}`);
  return { name, said, label: (key) => `profile ${name}: ${key}` };
}
