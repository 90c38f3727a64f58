/** What every client command needs: the terminal, the environment, and a client. */
import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import type { Environment } from '../../config/index.ts';
import {
  type ClientOptions,
  connect,
  hostPortOf,
  type RetryOptions,
  type TokenSource,
  type TlsOptions,
  type TroupeClient,
  TroupeClientError,
} from '../../client/index.ts';
import { refreshed } from '../login/issuer.ts';
import { alone, loginFile, readLogin, writeLogin } from '../login/login-file.ts';
import { createLoginToken } from '../login/login-token.ts';
import { profileFile, profileNamed } from '../profiles/choice.ts';
import { readProfiles } from '../profiles/profile-file.ts';
import type { Profile } from '../profiles/profile.ts';
import { chosenProfile, fromEnvironment, fromFlags, type Labelled, type Reach, reachOf } from '../profiles/reach.ts';
import { connectionHint } from './connection-hint.ts';
import { durationText } from '../text/duration-text.ts';
import { parseExactJson } from '../text/exact-json.ts';
import { UsageError } from '../errors/exit-code.ts';
import { fileProblem } from '../errors/file-problem.ts';
import { documentLine } from '../text/job-document.ts';
import { isUnproxied } from './no-proxy.ts';
import type { Terminal } from '../text/terminal.ts';
import { given } from '../../domain/given.ts';
import { ownValue } from '../../domain/own-value.ts';

export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborted by the first Ctrl-C, and when the reader of the results has gone. */
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  readonly environment: Environment;
  /** Sets the exit code of the command. */
  readonly done: (exitCode: number) => void;
  /** Declares that the exit code reports how jobs end from now on. */
  readonly awaitsJobs: () => void;
}

interface GlobalFlags extends Profile {
  readonly auditReason?: string;
  readonly json?: boolean;
  readonly profile?: string;
}

export interface Session {
  readonly client: TroupeClient;
  readonly isJson: boolean;
  /** The flags to append to commands that we suggest: `--address` and `--profile`, as they were given. */
  readonly addressFlag: string;
}

function readNamed({ value, label }: Labelled): Buffer {
  try {
    return readFileSync(value);
  } catch (error) {
    throw fileProblem(`${label} ${value}`, 'read', error);
  }
}

/** The file is read again for each call, since a command may outlive its token. */
function tokenOf(credential: Reach['credential']): string | (() => string) | undefined {
  if (credential === undefined) return undefined;
  if ('token' in credential) return credential.token.value;
  const read = (): string => readNamed(credential.tokenFile).toString('utf8').trim();
  // A wrong path is reported before anything is sent.
  read();
  return read;
}

function tlsOf(tls: Reach['tls']): TlsOptions | undefined {
  const { ca, own } = tls ?? {};
  const read = (file: Labelled | undefined): Buffer | undefined => (file === undefined ? undefined : readNamed(file));
  return tls === undefined ? undefined : given({ ca: read(ca), cert: read(own?.cert), key: read(own?.key) });
}

const reasonVariable = 'TROUPE_AUDIT_REASON';

/** What the client refuses was said by a flag, a variable or a profile. */
function open(options: ClientOptions, { address, tls, credential }: Reach): TroupeClient {
  try {
    return connect(options);
  } catch (error) {
    const [wrong] = error instanceof TroupeClientError ? error.violations : [];
    const why = wrong?.description ?? (error instanceof Error ? error.message : String(error));
    const files = new Map([
      ['tls.ca', tls?.ca],
      ['tls.cert', tls?.own?.cert],
      ['tls.key', tls?.own?.key],
    ]);
    const file = files.get(wrong?.field ?? '');
    if (file !== undefined) throw new UsageError(`${file.label} ${file.value}: ${why}`);
    if (wrong?.field === 'token' && credential !== undefined && 'token' in credential)
      throw new UsageError(`${credential.token.label}: ${why}`);
    if (wrong?.field === 'auditReason') throw new UsageError(`--audit-reason or ${reasonVariable}: ${why}`);
    throw new UsageError(`${address.label} ${address.value}: ${why}`);
  }
}

interface CommandReach {
  readonly reach: Reach;
  /** The file of the login that counts, because nothing names a token. */
  readonly login: string | undefined;
}

function reachOfCommand({ environment }: CommandContext, flags: GlobalFlags): CommandReach {
  const [byFlag, byVariable] = [fromFlags(flags), fromEnvironment(environment)];
  const file = profileFile(environment);
  const profile = chosenProfile(
    {
      named: profileNamed(environment, flags.profile),
      isAddressed: (byFlag.said.address ?? byVariable.said.address) !== undefined,
    },
    () => readProfiles(file),
    file,
  );
  const reach = reachOf([byFlag, byVariable, ...(profile === undefined ? [] : [profile])]);
  const mayLogIn = profile !== undefined && reach.credential === undefined;
  return { reach, login: mayLogIn ? loginFile(file, profile.name) : undefined };
}

/** A login that is over is reported before anything is sent. */
async function loginTokenOf({ nowMs }: CommandContext, path: string | undefined): Promise<TokenSource | undefined> {
  if (path === undefined || readLogin(path) === undefined) return undefined;
  const source = createLoginToken({
    nowMs,
    read: () => readLogin(path),
    write: (login) => writeLogin(path, login),
    alone: (work) => alone(path, work),
    refresh: (login) => refreshed(login, nowMs),
  });
  await source();
  return source;
}

function noProxyOf(environment: Environment): string {
  return environment['no_grpc_proxy'] || environment['no_proxy'] || environment['NO_PROXY'] || '';
}

function givenFlags({ address, profile }: GlobalFlags): string {
  const flags = Object.entries(given({ address, profile }));
  return flags.map(([name, value]) => ` --${name} ${value}`).join('');
}

/** gRPC reads only the lower-case variable, and compares only the ends of names. */
function proxyFor(address: string, noProxy: string): 'environment' | 'none' {
  const target = hostPortOf(address);
  return target !== undefined && isUnproxied(target, noProxy) ? 'none' : 'environment';
}

/** Adds to an error why no gateway answers, if that can be found out. */
async function withHint(error: unknown, address: string, tls: ClientOptions['tls']): Promise<unknown> {
  const { host, port } = hostPortOf(address) ?? {};
  const isSilence =
    error instanceof TroupeClientError && error.code === 'GATEWAY_UNAVAILABLE' && error.outcome === 'none';
  if (!isSilence || host === undefined || port === undefined) return error;
  const hint = await connectionHint({ host, port, tls });
  if (hint === undefined) return error;
  const { code, status, retryable, outcome, message } = error;
  return new TroupeClientError({ code, status, retryable, outcome, message: `${message}: ${hint}`, cause: error });
}

/** Shorter waits are not reported. */
const retrySaidMs = 500;

/** Reports a retry. Otherwise half a minute of silence would look like a command that hangs. */
function sayRetry({ terminal }: CommandContext, isJson: boolean): NonNullable<RetryOptions['onRetry']> {
  return (error, delayMs) => {
    if (delayMs < retrySaidMs) return;
    const { code, message } = error;
    const text = `troupe: ${code}: ${message}; retrying in ${durationText(delayMs)}\n`;
    terminal.err(isJson ? documentLine({ retrying: { code, message, delayMs: Math.round(delayMs) } }) : text);
  };
}

/** Runs `work` with its own client, and closes the client in any case. `retries`: default as a command that runs once. */
export async function withSession<T>(
  context: CommandContext,
  command: Command,
  work: (session: Session) => Promise<T>,
  retries?: RetryOptions,
): Promise<T> {
  const flags: GlobalFlags = command.optsWithGlobals();
  const { reach, login } = reachOfCommand(context, flags);
  const address = reach.address.value;
  const tls = tlsOf(reach.tls);
  const token = tokenOf(reach.credential) ?? (await loginTokenOf(context, login));
  const proxy = proxyFor(address, noProxyOf(context.environment));
  const isJson = flags.json === true;
  const retry = retries ?? { onRetry: sayRetry(context, isJson) };
  // Submits get an idempotency key, so that a repeated one creates no second job. People watch a command less closely
  // than a program watches its calls.
  const calls = { address, idempotent: true, parseJson: parseExactJson, retry, proxy };
  const auditReason = flags.auditReason ?? (ownValue(context.environment, reasonVariable) || undefined);
  const client = open({ ...calls, ...given({ token, tls, auditReason }) }, reach);
  try {
    return await work({ client, isJson, addressFlag: givenFlags(flags) });
  } catch (error) {
    throw await withHint(error, address, tls);
  } finally {
    client.close();
  }
}
