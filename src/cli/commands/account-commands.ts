/** `troupe accounts` and `troupe keys`: service accounts of the tenant, and their API keys. */
import type { Command } from 'commander';
import type { ApiKeyInfo, MadeApiKey, ServiceAccountInfo } from '../../client/index.ts';
import { given } from '../../domain/given.ts';
import { oneLine } from '../../domain/printable.ts';
import { type CommandContext, type Session, withSession } from '../calls/command-context.ts';
import { intoKeyFile } from '../calls/key-file.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { durationFlag } from '../flags/flag-values.ts';
import { relativeText } from '../text/duration-text.ts';
import { documentLine } from '../text/job-document.ts';
import { tableText } from '../text/text-table.ts';

interface AccountFlags {
  readonly role?: readonly string[];
  readonly description?: string;
}

interface KeyFlags {
  readonly lifetime?: number;
  readonly overlap?: number;
  readonly keyFile?: string;
}

export function addAccountCommands(program: Command, context: CommandContext): void {
  const accounts = program.command('accounts').description('service accounts: who services are, and what they may do');
  const add = (usage: string, text: string, run: (session: Session, name: string) => Promise<string>): void => {
    accounts
      .command(usage)
      .description(text)
      .action(async (name: string, _flags: unknown, command: Command) => {
        await withSession(context, command, async (session) => context.terminal.out(await run(session, name)));
        context.done(exitCodes.ok);
      });
  };
  addCreateAccount(accounts, context);
  addUpdateAccount(accounts, context);
  add('get <name>', 'show a service account and its API keys', async ({ client, isJson }, name) => {
    const account = await client.accounts.get(name);
    return isJson ? documentLine(account) : accountText(account, context.nowMs());
  });
  add('delete <name>', 'delete a service account; its keys are refused within 60 s', async ({ client }, name) => {
    await client.accounts.delete(name);
    return '';
  });
  accounts
    .command('list')
    .description('list all service accounts')
    .action(async (_flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const all: ServiceAccountInfo[] = [];
        for await (const account of client.accounts.list()) all.push(account);
        context.terminal.out(isJson ? all.map(documentLine).join('') : accountTable(all, context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
}

function withRole(role: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), role];
}

function withAccountFlags(command: Command): Command {
  return command
    .option('--role <name>', 'a role that it has, or for some queues ROLE@reports-*; repeatable', withRole)
    .option('--description <text>', 'what it is for');
}

function addCreateAccount(accounts: Command, context: CommandContext): void {
  withAccountFlags(accounts.command('create <name>'))
    .description('create a service account; `troupe keys create` makes its first API key')
    .action(async (name: string, { role = [], description }: AccountFlags, command: Command) => {
      if (role.length === 0) throw new UsageError('give at least one --role: docs/reference/access.md lists them');
      await withSession(context, command, async ({ client, isJson }) => {
        const account = await client.accounts.create(name, { roles: role, ...given({ description }) });
        context.terminal.out(isJson ? documentLine(account) : accountText(account, context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
}

function addUpdateAccount(accounts: Command, context: CommandContext): void {
  withAccountFlags(accounts.command('update <name>'))
    .description('replace the roles, or the description, of a service account')
    .option('--if-etag <etag>', 'fail if the account no longer has this etag')
    .action(async (name: string, flags: AccountFlags & { readonly ifEtag?: string }, command: Command) => {
      const { role: roles, description, ifEtag } = flags;
      const change = given({ roles, description });
      if (Object.keys(change).length === 0) throw new UsageError('nothing to change: give --role or --description');
      await withSession(context, command, async ({ client, isJson }) => {
        const etag = ifEtag ?? (await client.accounts.get(name)).etag;
        const account = await client.accounts.update(name, etag, change);
        context.terminal.out(isJson ? documentLine(account) : accountText(account, context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
}

export function addKeyCommands(program: Command, context: CommandContext): void {
  const keys = program.command('keys').description('API keys of service accounts');
  const withKeyFlags = (command: Command): Command =>
    command
      .option(
        '--lifetime <duration>',
        'how long the key is accepted, 1h to 400d (default: 90d)',
        durationFlag('lifetime'),
      )
      .option('--key-file <file>', 'write the key into this new file instead of printing it');
  withKeyFlags(keys.command('create <account>'))
    .description('make an API key; it is shown once')
    .action(async (account: string, flags: KeyFlags, command: Command) => {
      await withSession(context, command, async (session) => {
        const options = given({ lifetimeMs: flags.lifetime });
        const made = await newKey(session, account, flags, () => session.client.accounts.createKey(account, options));
        show(context, session, flags, made);
      });
      context.done(exitCodes.ok);
    });
  withKeyFlags(keys.command('rotate <account> <key-id>'))
    .description('make an API key that takes the place of another one')
    .option('--overlap <duration>', 'how long both are accepted, up to 7d (default: 24h)', durationFlag('overlap'))
    .action(async (account: string, keyId: string, flags: KeyFlags, command: Command) => {
      await withSession(context, command, async (session) => {
        const options = given({ lifetimeMs: flags.lifetime, overlapMs: flags.overlap });
        const make = (): Promise<MadeApiKey> => session.client.accounts.rotateKey(account, keyId, options);
        show(context, session, flags, await newKey(session, account, flags, make));
      });
      context.done(exitCodes.ok);
    });
  keys
    .command('revoke <account> <key-id>')
    .description('end an API key; it is refused within 60 s')
    .action(async (account: string, keyId: string, _flags: unknown, command: Command) => {
      await withSession(context, command, async ({ client, isJson }) => {
        const key = await client.accounts.revokeKey(account, keyId);
        context.terminal.out(isJson ? documentLine(key) : keyTable([key], context.nowMs()));
      });
      context.done(exitCodes.ok);
    });
}

function newKey(
  { client }: Session,
  account: string,
  { keyFile }: KeyFlags,
  make: () => Promise<MadeApiKey>,
): Promise<MadeApiKey> {
  return intoKeyFile(keyFile, { make, revoke: ({ id }) => client.accounts.revokeKey(account, id) });
}

/** On standard output there is the key and nothing else, so that a script can take it. */
function show(context: CommandContext, { isJson }: Session, { keyFile }: KeyFlags, made: MadeApiKey): void {
  const { key, ...details } = made;
  if (isJson) context.terminal.out(documentLine(keyFile === undefined ? made : details));
  else if (keyFile === undefined) context.terminal.out(`${oneLine(key)}\n`);
  if (isJson) return;
  const where = keyFile === undefined ? 'nobody can show it again' : `written to ${keyFile}`;
  context.terminal.err(
    oneLine(`key ${made.id} is accepted until ${made.expiresAt.toISOString()}; ${where}`).concat('\n'),
  );
}

function accountText(account: ServiceAccountInfo, nowMs: number): string {
  const { name, roles, description, creator, createdAt, etag, keys } = account;
  const rows = [
    ['name', name],
    ['roles', roles.join(', ')],
    ['description', description],
    ['created', `${relativeText(createdAt.getTime(), nowMs)} by ${creator}`],
    ['etag', etag],
  ] as const;
  const head = rows.map(([label, value]) => `${label.padEnd(12)} ${oneLine(value)}\n`).join('');
  return `${head}\n${keys.length === 0 ? 'no API keys\n' : keyTable(keys, nowMs)}`;
}

function accountTable(accounts: readonly ServiceAccountInfo[], nowMs: number): string {
  const rows = accounts.map(({ name, roles, keys, createdAt, description }) => [
    name,
    roles.join(', '),
    `${keys.filter(({ state }) => state === 'live' || state === 'retiring').length}`,
    relativeText(createdAt.getTime(), nowMs),
    description,
  ]);
  return tableText(['ACCOUNT', 'ROLES', 'KEYS', 'CREATED', 'DESCRIPTION'], rows);
}

function keyTable(keys: readonly ApiKeyInfo[], nowMs: number): string {
  const rows = keys.map(({ id, state, createdAt, creator, expiresAt, revokedAt, lastUsedAt }) => [
    id,
    state,
    relativeText(createdAt.getTime(), nowMs),
    creator,
    relativeText((revokedAt ?? expiresAt).getTime(), nowMs),
    lastUsedAt === undefined ? '-' : relativeText(lastUsedAt.getTime(), nowMs),
  ]);
  return tableText(['KEY', 'STATE', 'CREATED', 'BY', 'ENDS', 'LAST USED'], rows);
}
