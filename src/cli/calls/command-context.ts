/** What every client command needs: the terminal, the environment, and a client. */
import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import {
  type ClientOptions,
  connect,
  hostPortOf,
  type RetryOptions,
  type TroupeClient,
  TroupeClientError,
} from '../../client/index.ts';
import { connectionHint } from './connection-hint.ts';
import { durationText } from '../text/duration-text.ts';
import { parseExactJson } from '../text/exact-json.ts';
import { UsageError } from '../errors/exit-code.ts';
import { fileProblem } from '../errors/file-problem.ts';
import { documentLine } from '../text/job-document.ts';
import { isUnproxied } from './no-proxy.ts';
import type { Terminal } from '../text/terminal.ts';
import { given } from '../../domain/given.ts';

export const defaultAddress = '127.0.0.1:50051';

export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborted by the first Ctrl-C, and when the reader of the results has gone. */
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** `TROUPE_ADDRESS`, if it is set. */
  readonly environmentAddress: string | undefined;
  /** `TROUPE_TOKEN`, if it is set. */
  readonly environmentToken: string | undefined;
  /** `no_proxy`, or empty. */
  readonly noProxy: string;
  /** Sets the exit code of the command. */
  readonly done: (exitCode: number) => void;
  /** Declares that the exit code reports how jobs end from now on. */
  readonly awaitsJobs: () => void;
}

interface GlobalFlags {
  readonly address?: string;
  readonly json?: boolean;
  readonly tls?: boolean;
  readonly ca?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

export interface Session {
  readonly client: TroupeClient;
  readonly isJson: boolean;
  /** The flag to append to commands that we suggest. Empty if no `--address` was given, because then none is needed. */
  readonly addressFlag: string;
}

function readFlagFile(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileProblem(`--${flag} ${path}`, 'read', error);
  }
}

/** The file is read again for each call, since a command may outlive its token. */
function tokenOfFile(path: string | undefined): (() => string) | undefined {
  if (path === undefined) return undefined;
  const read = (): string => readFlagFile('token-file', path).toString('utf8').trim();
  // A wrong path is reported before anything is sent.
  read();
  return read;
}

function open(options: ClientOptions): TroupeClient {
  try {
    return connect(options);
  } catch (error) {
    const [wrong] = error instanceof TroupeClientError ? error.violations : [];
    const why = wrong?.description ?? (error instanceof Error ? error.message : String(error));
    throw new UsageError(`address ${options.address}: ${why}`);
  }
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

/** Runs `work` with its own client, and closes the client in any case. */
export async function withSession<T>(
  context: CommandContext,
  command: Command,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const flags: GlobalFlags = command.optsWithGlobals();
  const address = flags.address ?? context.environmentAddress ?? defaultAddress;
  const ca = flags.ca === undefined ? undefined : readFlagFile('ca', flags.ca);
  const token = flags.token ?? tokenOfFile(flags.tokenFile) ?? context.environmentToken;
  const useTls = flags.tls === true || ca !== undefined;
  // Submits get an idempotency key, so that a repeated one creates no second job. People watch a command less closely
  // than a program watches its calls.
  const access = given({ token });
  const tls = useTls ? given({ ca }) : undefined;
  const proxy = proxyFor(address, context.noProxy);
  const isJson = flags.json === true;
  const retry = { onRetry: sayRetry(context, isJson) };
  const client = open({
    address,
    idempotent: true,
    parseJson: parseExactJson,
    retry,
    proxy,
    ...access,
    ...given({ tls }),
  });
  try {
    const addressFlag = flags.address === undefined ? '' : ` --address ${flags.address}`;
    return await work({ client, isJson, addressFlag });
  } catch (error) {
    throw await withHint(error, address, tls);
  } finally {
    client.close();
  }
}
