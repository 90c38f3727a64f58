/** `troupe login` and `troupe logout`: the token of an issuer for a profile, got with a device code. */
import type { Command } from 'commander';
import { given } from '../../domain/given.ts';
import { oneLine } from '../../domain/printable.ts';
import type { CommandContext } from '../calls/command-context.ts';
import { exitCodes, UsageError } from '../errors/exit-code.ts';
import { type DeviceCode, logIn, type LoginRequest, revoked } from '../login/issuer.ts';
import { alone, loginFile, readLogin, removeLogin, writeLogin } from '../login/login-file.ts';
import { profileFile, profileNamed } from '../profiles/choice.ts';
import { readProfiles } from '../profiles/profile-file.ts';
import type { Profile } from '../profiles/profile.ts';
import { chosenProfile } from '../profiles/reach.ts';
import { documentLine } from '../text/job-document.ts';

interface LoginFlags {
  readonly json?: boolean;
  readonly profile?: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly scope?: string;
  readonly audience?: string;
}

export function addLoginCommands(program: Command, context: CommandContext): void {
  program
    .command('login')
    .description('get a token of an issuer for the profile, by a code that you enter in a browser')
    .option('--issuer <url>', 'issuer of the token (default: `issuer` of the profile)')
    .option('--client-id <id>', 'id of this client at the issuer (default: `clientId` of the profile)')
    .option('--scope <text>', 'scopes to ask for, with blanks between (default: `scope` of the profile, else none)')
    .option('--audience <text>', 'audience to ask for (default: `audience` of the profile, else none)')
    .action(async (_flags: unknown, command: Command) => {
      const flags: LoginFlags = command.optsWithGlobals();
      const { name, said } = profileOf(context, flags);
      const contrary = (['token', 'tokenFile'] as const).find((key) => said[key] !== undefined);
      if (contrary !== undefined)
        throw new UsageError(`profile ${name} has ${contrary}, which a login would not replace: remove it first`);
      const { nowMs, signal } = context;
      const show = (code: DeviceCode): void => showCode(context, code, flags.json === true);
      const login = await logIn(requestOf(flags, said), { nowMs, signal, show });
      const path = loginFile(profileFile(context.environment), name);
      await alone(path, async () => writeLogin(path, login));
      context.terminal.err(oneLine(`logged in; profile ${name} has the token`).concat('\n'));
      context.done(exitCodes.ok);
    });
  program
    .command('logout')
    .description('revoke the token of `troupe login` at its issuer, and forget it')
    .action(async (_flags: unknown, command: Command) => {
      const { name } = profileOf(context, command.optsWithGlobals());
      const path = loginFile(profileFile(context.environment), name);
      await alone(path, async () => {
        const login = readLogin(path);
        if (login === undefined) throw new UsageError(`profile ${name} has no login`);
        try {
          if (!(await revoked(login)))
            context.terminal.err('the issuer does not revoke tokens: this one is accepted until it expires\n');
        } finally {
          // Whatever the issuer says, this machine forgets the token.
          removeLogin(path);
        }
      });
      context.done(exitCodes.ok);
    });
}

function profileOf(
  { environment }: CommandContext,
  flags: LoginFlags,
): { readonly name: string; readonly said: Profile } {
  const file = profileFile(environment);
  const named = profileNamed(environment, flags.profile);
  const profile = chosenProfile({ named, isAddressed: false }, () => readProfiles(file), file);
  if (profile === undefined)
    throw new UsageError(
      'a login belongs to a profile: `troupe config set NAME address=HOST:PORT`, then --profile NAME',
    );
  return profile;
}

function requestOf(flags: LoginFlags, said: Profile): LoginRequest {
  const issuer = flags.issuer ?? said.issuer;
  const clientId = flags.clientId ?? said.clientId;
  if (issuer === undefined) throw new UsageError('give --issuer, or set issuer=URL in the profile');
  if (clientId === undefined) throw new UsageError('give --client-id, or set clientId=ID in the profile');
  return { issuer, clientId, scope: flags.scope ?? said.scope, audience: flags.audience ?? said.audience };
}

/** The code is no result: it goes to standard error, as progress does. */
function showCode(
  { terminal }: CommandContext,
  { url, completeUrl, code, expiresInS }: DeviceCode,
  isJson: boolean,
): void {
  const lines = [`open ${url}`, `and enter the code ${code}`, ...(completeUrl ? [`or open ${completeUrl}`] : [])];
  const text = [...lines, `within ${expiresInS} s`].map((line) => `${oneLine(line)}\n`).join('');
  terminal.err(isJson ? documentLine({ login: given({ url, completeUrl, code, expiresInS }) }) : text);
}
