/**
 * The command `troupe`. Results go to standard output, everything else to standard error. exit-code.ts defines the exit
 * codes. `dev` starts a cluster and `serve` one process of it. `migrate` and `backing` prepare one, and `backup` copies
 * its store. All other commands are clients.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Command, CommanderError } from 'commander';
import { type Environment, readEnvironment } from '../config/index.ts';
import type { CommandContext } from './calls/command-context.ts';
import {
  addDeadLettersCommand,
  addInspectCommand,
  addNodesCommand,
  addPsCommand,
  addShardsCommand,
  addTreeCommand,
} from './commands/cluster-commands.ts';
import { addBackupCommand } from './commands/backup-command.ts';
import { addDevCommand } from './commands/dev-command.ts';
import { addCancelCommand, addRedriveCommand, addRetryCommand } from './commands/bulk-commands.ts';
import { addFollowCommand } from './commands/follow-command.ts';
import { addFailuresCommand } from './commands/failure-commands.ts';
import {
  addExplainCommand,
  addGetCommand,
  addListCommand,
  addRescheduleCommand,
  addWatchCommand,
} from './commands/job-commands.ts';
import { addWhoAmICommand } from './commands/access-commands.ts';
import { addConfigCommands } from './commands/config-commands.ts';
import { addAuditCommands } from './commands/audit-commands.ts';
import { addAccountCommands, addKeyCommands } from './commands/account-commands.ts';
import { addDrainCommand, addProfileCommand, addQuarantineCommands } from './commands/operator-commands.ts';
import { addHealthCommand, addTopCommand } from './commands/overview-commands.ts';
import { addEraseCommand, addLinkCommand, addOutputCommand } from './commands/payload-commands.ts';
import { addBackingCommand } from './commands/backing-command.ts';
import { addLoginCommands } from './commands/login-commands.ts';
import { addLogsCommand } from './commands/log-commands.ts';
import { addMigrateCommand } from './commands/migrate-command.ts';
import { addQueueCommands } from './commands/queue-commands.ts';
import { addServeCommand } from './commands/serve-command.ts';
import { addSubscriptionCommands } from './commands/subscription-commands.ts';
import { addTenantCommands } from './commands/tenant-commands.ts';
import { addSubmitCommand } from './commands/submit-command.ts';
import { addTsconfigCommand } from './commands/tsconfig-command.ts';
import { defaultAddress } from './profiles/reach.ts';
import { errorDocument, explainError } from './errors/explain-error.ts';
import { exitCodeHelp, exitCodeOf, exitCodes } from './errors/exit-code.ts';
import { documentLine } from './text/job-document.ts';
import { packageVersion } from './processes/package-facts.ts';
import { isReaderGone, processTerminal, type Terminal } from './text/terminal.ts';

function buildProgram(context: CommandContext): Command {
  const { terminal } = context;
  const program = new Command('troupe')
    .description('Runs CPU-heavy jobs on a cluster of Node.js machines.')
    .version(packageVersion(), '-V, --version')
    .option('--profile <name>', 'use this profile of `troupe config` (default: TROUPE_PROFILE, else the current one)')
    .option('--address <host:port>', `gateway to call (default: TROUPE_ADDRESS, else ${defaultAddress})`)
    .option('--tls', 'use TLS (default: TROUPE_TLS)')
    .option('--no-tls', 'use plain text, whatever the environment and the profile say')
    .option(
      '--ca <file>',
      'use TLS with the certificate authorities in this PEM file, not those of the system (TROUPE_CA)',
    )
    .option('--client-cert <file>', 'use TLS with this certificate of your own, in PEM (TROUPE_CLIENT_CERT)')
    .option('--client-key <file>', 'the private key of that certificate, in PEM (TROUPE_CLIENT_KEY)')
    .option(
      '--token <text>',
      'token of an issuer, API key, or operator token (default: TROUPE_TOKEN; prefer --token-file)',
    )
    .option('--token-file <file>', 'file with that token')
    .option('--audit-reason <text>', 'why, for the audit log (default: TROUPE_AUDIT_REASON)')
    .option('--json', 'print one JSON document per line')
    .addHelpText('after', exitCodeHelp)
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .exitOverride();
  addDevCommand(program, context);
  addServeCommand(program, context);
  addMigrateCommand(program, context);
  addBackingCommand(program, context);
  addBackupCommand(program, context);
  addSubmitCommand(program, context);
  addGetCommand(program, context);
  addExplainCommand(program, context);
  addWatchCommand(program, context);
  addTsconfigCommand(program, context);
  addFollowCommand(program, context);
  addLogsCommand(program, context);
  addListCommand(program, context);
  addFailuresCommand(program, context);
  addCancelCommand(program, context);
  addOutputCommand(program, context);
  addLinkCommand(program, context);
  addEraseCommand(program, context);
  addRescheduleCommand(program, context);
  addRetryCommand(program, context);
  addRedriveCommand(program, context);
  addQueueCommands(program, context);
  addHealthCommand(program, context);
  addTopCommand(program, context);
  addPsCommand(program, context);
  addTreeCommand(program, context);
  addNodesCommand(program, context);
  addShardsCommand(program, context);
  addInspectCommand(program, context);
  addDeadLettersCommand(program, context);
  addDrainCommand(program, context);
  addQuarantineCommands(program, context);
  addProfileCommand(program, context);
  addWhoAmICommand(program, context);
  addAccountCommands(program, context);
  addKeyCommands(program, context);
  addAuditCommands(program, context);
  addSubscriptionCommands(program, context);
  addTenantCommands(program, context);
  addConfigCommands(program, context);
  addLoginCommands(program, context);
  return program;
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return signal.aborted && !(error instanceof CommanderError);
}

/** `dev` and `serve` handle signals and errors themselves (node-life.ts). */
function isNode(argv: readonly string[]): boolean {
  return argv[0] === 'dev' || argv[0] === 'serve';
}

function isUnwritten({ readerGone }: Terminal): boolean {
  return readerGone.aborted && !isReaderGone(readerGone.reason);
}

/**
 * The reader of the results has gone. This is fine, unless the exit code was to report how jobs end: that is now
 * unknown.
 */
function unread(terminal: Terminal, awaitsJobs: boolean): number {
  const reason: unknown = terminal.readerGone.reason;
  if (isReaderGone(reason)) return awaitsJobs ? exitCodes.unread : exitCodes.ok;
  terminal.err(`troupe: the results cannot be written: ${reason instanceof Error ? reason.message : String(reason)}\n`);
  return exitCodes.internal;
}

export interface CliOptions {
  readonly terminal?: Terminal;
  readonly signal?: AbortSignal;
  /** Default: that of the process. */
  readonly environment?: Environment;
}

/** Runs a command. Resolves to the exit code. `argv` starts with the name of the command. */
export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<number> {
  const terminal = options.terminal ?? processTerminal();
  const stop = new AbortController();
  const interrupt = (): void => {
    stop.abort();
  };
  // A process of the cluster drains on SIGINT. A client has nothing to drain.
  if (!isNode(argv)) process.once('SIGINT', interrupt);
  const signal = AbortSignal.any([stop.signal, terminal.readerGone, ...(options.signal ? [options.signal] : [])]);
  let exitCode: number = exitCodes.ok;
  let awaitsJobs = false;
  const context: CommandContext = {
    terminal,
    signal,
    nowMs: () => Date.now(),
    environment: options.environment ?? readEnvironment(),
    done: (code) => {
      exitCode = code;
    },
    awaitsJobs: () => {
      awaitsJobs = true;
    },
  };
  const program = buildProgram(context);
  try {
    await program.parseAsync(argv, { from: 'user' });
    // The error of the last write is reported in the next turn of the event loop.
    await nextTurn();
    return isUnwritten(terminal) ? unread(terminal, awaitsJobs) : exitCode;
  } catch (error) {
    if (terminal.readerGone.aborted) return unread(terminal, awaitsJobs);
    if (isAbort(error, signal)) return exitCodes.interrupted;
    // Commander has already printed the error.
    if (!(error instanceof CommanderError)) {
      const isJson = program.opts<{ readonly json?: boolean }>().json === true;
      terminal.err(isJson ? documentLine(errorDocument(error)) : `troupe: ${explainError(error)}\n`);
    }
    return exitCodeOf(error);
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/**
 * Runs a command as its own process. An uncaught error must not end with Node's code 1, which here means that a job
 * failed.
 */
export async function runProcess(argv: readonly string[]): Promise<void> {
  if (!isNode(argv)) {
    process.on('uncaughtException', (error: unknown) => {
      process.stderr.write(`troupe: ${explainError(error)}\n`);
      process.exit(exitCodes.internal);
    });
  }
  process.exitCode = await runCli(argv);
}

if (import.meta.main) await runProcess(process.argv.slice(2));
