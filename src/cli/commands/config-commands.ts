/** `troupe config`: profiles, which are named settings for reaching a gateway. A token is never printed. */
import type { Command } from 'commander';
import { resolve } from 'node:path';
import { isMap } from 'yaml';
import { given } from '../../domain/given.ts';
import { oneLine } from '../../domain/printable.ts';
import type { CommandContext } from '../calls/command-context.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { loginFile, readLogin } from '../login/login-file.ts';
import { profileFile } from '../profiles/choice.ts';
import { changeProfiles, readProfiles } from '../profiles/profile-file.ts';
import {
  pathKeys,
  type Profile,
  type ProfileKey,
  profileKeys,
  profileName,
  unknownProfile,
} from '../profiles/profile.ts';
import { documentLine } from '../text/job-document.ts';
import { tableText } from '../text/text-table.ts';

export function addConfigCommands(program: Command, context: CommandContext): void {
  const config = program.command('config').description('profiles: named settings for reaching a gateway');
  const file = profileFile(context.environment);
  addListProfiles(config, context, file);
  addGetProfile(config, context, file);
  addSetProfile(config, context, file);
  addUseProfile(config, context, file);
  config
    .command('delete <profile>')
    .description('delete a profile; if it is the current one, none is current afterwards')
    .action((name: string) => {
      profileOf(file, name);
      if (readLogin(loginFile(file, name)) !== undefined)
        throw new UsageError(`profile ${name} has a login: \`troupe logout --profile ${name}\` first`);
      changeProfiles(file, (document) => {
        document.deleteIn(['profiles', name]);
        if (document.get('current') === name) document.delete('current');
      });
      context.done(exitCodes.ok);
    });
}

function addListProfiles(config: Command, context: CommandContext, file: string): void {
  config
    .command('list')
    .description('list all profiles')
    .action((_flags: unknown, command: Command) => {
      const { current, named } = readProfiles(file);
      const all = [...named].map(([name, profile]) => shown(name, profile, name === current));
      if (isJson(command)) context.terminal.out(all.map(documentLine).join(''));
      else context.terminal.out(profileTable(all));
      context.done(exitCodes.ok);
    });
}

function addGetProfile(config: Command, context: CommandContext, file: string): void {
  config
    .command('get <profile>')
    .description('show a profile')
    .action((name: string, _flags: unknown, command: Command) => {
      const profile = shown(name, profileOf(file, name), readProfiles(file).current === name);
      context.terminal.out(isJson(command) ? documentLine(profile) : profileText(profile));
      context.done(exitCodes.ok);
    });
}

function addSetProfile(config: Command, context: CommandContext, file: string): void {
  config
    .command('set <profile> <setting...>')
    .description(
      `make or change a profile: ${profileKeys.map((key) => `${key}=VALUE`).join(', ')}; KEY= removes one; token=- reads the token from standard input`,
    )
    .action(async (name: string, words: readonly string[]) => {
      const allowed = profileName.safeParse(name);
      if (!allowed.success) throw new UsageError(`profile ${name}: ${allowed.error.issues[0]?.message ?? ''}`);
      const changes = new Map(words.map(settingOf));
      if (changes.get('token') === '-') changes.set('token', await tokenFrom(context));
      changeProfiles(file, (document) => {
        for (const path of [['profiles'], ['profiles', name]])
          if (!isMap(document.getIn(path))) document.setIn(path, document.createNode({}));
        for (const [key, value] of changes) {
          if (value === '') document.deleteIn(['profiles', name, key]);
          else document.setIn(['profiles', name, key], value);
        }
      });
      if (readProfiles(file).current === undefined)
        context.terminal.err(`no profile is the current one: \`troupe config use ${name}\` makes it so\n`);
      context.done(exitCodes.ok);
    });
}

function addUseProfile(config: Command, context: CommandContext, file: string): void {
  config
    .command('use <profile>')
    .description('make a profile the current one')
    .action((name: string) => {
      profileOf(file, name);
      changeProfiles(file, (document) => document.set('current', name));
      const { TROUPE_PROFILE: named, TROUPE_ADDRESS: address } = context.environment;
      const variable = named ? 'TROUPE_PROFILE' : address ? 'TROUPE_ADDRESS' : undefined;
      if (variable !== undefined)
        context.terminal.err(`${variable} is set, so the current profile does not apply: unset it, or use --profile\n`);
      context.done(exitCodes.ok);
    });
}

function profileOf(file: string, name: string): Profile {
  const { named } = readProfiles(file);
  const profile = named.get(name);
  if (profile === undefined) throw new UsageError(`${unknownProfile(name, named)} in ${file}`);
  return profile;
}

/** An empty value removes the setting. */
function settingOf(word: string): readonly [ProfileKey, string | boolean] {
  const at = word.indexOf('=');
  const key = profileKeys.find((known) => known === (at === -1 ? word : word.slice(0, at)));
  // Without a known key the word may be a token.
  if (key === undefined) throw new UsageError(`a setting has an unknown key; there are: ${profileKeys.join(', ')}`);
  if (at === -1) throw new UsageError(`${key}: write ${key}=VALUE`);
  const value = word.slice(at + 1);
  if (key === 'token' && value !== '' && value !== '-')
    throw new UsageError('token: others could see it on the command line; write token=- and give it on standard input');
  if (key === 'tls' && value !== '' && value !== 'true' && value !== 'false')
    throw new UsageError('tls: must be true or false');
  if (key === 'tls') return [key, value === '' ? value : value === 'true'];
  return [key, pathKeys.has(key) && value !== '' ? resolve(value) : value];
}

async function tokenFrom({ terminal }: CommandContext): Promise<string> {
  const token = (await terminal.readStdin()).toString('utf8').trim();
  if (token === '') throw new UsageError('token=-: standard input has no token');
  return token;
}

type Shown = Omit<Profile, 'token'> & {
  readonly name: string;
  readonly isCurrent: boolean;
  readonly hasToken: boolean;
};

function shown(name: string, { token, ...settings }: Profile, isCurrent: boolean): Shown {
  return { name, isCurrent, ...settings, hasToken: token !== undefined };
}

function credentialText({ hasToken, tokenFile }: Shown): string {
  return hasToken ? 'token (not shown)' : (tokenFile ?? 'none');
}

function profileText(profile: Shown): string {
  const { name, isCurrent, address, tls, ca, clientCert, clientKey, issuer, clientId, scope, audience } = profile;
  const rows = given({
    profile: isCurrent ? `${name} (current)` : name,
    address,
    tls: tls === undefined ? undefined : String(tls),
    ca,
    clientCert,
    clientKey,
    issuer,
    clientId,
    scope,
    audience,
    credential: credentialText(profile),
  });
  return Object.entries(rows)
    .map(([label, value]) => `${label.padEnd(12)} ${oneLine(value)}\n`)
    .join('');
}

function profileTable(all: readonly Shown[]): string {
  const rows = all.map((profile) => {
    const { name, isCurrent, address, tls, ca, clientCert } = profile;
    const isTls = tls ?? (ca ?? clientCert) !== undefined;
    return [
      isCurrent ? '*' : '',
      name,
      address ?? '-',
      isTls ? 'yes' : 'no',
      clientCert ?? '-',
      credentialText(profile),
    ];
  });
  return tableText(['', 'PROFILE', 'ADDRESS', 'TLS', 'CLIENT CERTIFICATE', 'CREDENTIAL'], rows);
}

function isJson(command: Command): boolean {
  return command.optsWithGlobals<{ readonly json?: boolean }>().json === true;
}
