/** What every command of the client side is given. */
import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { connect } from '../client/index.ts';
import type { ClientOptions, TroupeClient } from '../client/index.ts';
import { UsageError } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export const defaultAddress = '127.0.0.1:50051';

export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** `TROUPE_ADDRESS`, if it is set. */
  readonly environmentAddress: string | undefined;
  /** `TROUPE_TOKEN`, if it is set. */
  readonly environmentToken: string | undefined;
  /** Takes the exit code of the command. */
  readonly done: (exitCode: number) => void;
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
}

function readFlagFile(flag: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`--${flag} ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function open(options: ClientOptions): TroupeClient {
  try {
    return connect(options);
  } catch (error) {
    throw new UsageError(`address ${options.address}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Runs `work` with a client of its own, and closes it whatever happens. */
export async function withSession<T>(
  context: CommandContext,
  command: Command,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const flags: GlobalFlags = command.optsWithGlobals();
  const address = flags.address ?? context.environmentAddress ?? defaultAddress;
  const ca = flags.ca === undefined ? undefined : readFlagFile('ca', flags.ca);
  const tokenOfFile = flags.tokenFile && readFlagFile('token-file', flags.tokenFile).toString('utf8').trim();
  const token = flags.token ?? tokenOfFile ?? context.environmentToken;
  const useTls = flags.tls === true || ca !== undefined;
  // A submit that is repeated must not make a second job: nobody watches a command as closely as a program its calls.
  const access = { ...(token !== undefined && { token }) };
  const client = open({ address, idempotent: true, ...access, ...(useTls && { tls: { ...(ca && { ca }) } }) });
  try {
    return await work({ client, isJson: flags.json === true });
  } finally {
    client.close();
  }
}
