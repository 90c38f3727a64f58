// `troupe login` at a real issuer on loopback, and client commands that use and refresh its token.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { type DeviceIssuer, startDeviceIssuer } from '../support/device-issuer.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { serveWhoAmI } from '../support/who-am-i.ts';

let folder: string;
let server: Server;
let address: string;
let issuer: DeviceIssuer;
let file: string;
const heard: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-cli-login-'));
  server = new Server();
  serveWhoAmI(server, (authorization) => void heard.push(authorization ?? ''));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  address = `127.0.0.1:${port}`;
});
afterAll(() => {
  server.forceShutdown();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  heard.length = 0;
  issuer = await startDeviceIssuer();
  file = join(mkdtempSync(join(folder, 'home-')), 'config.yaml');
  await done('config', 'set', 'prod', `address=${address}`, `issuer=${issuer.url}`, 'clientId=cli', 'audience=troupe');
  await done('config', 'use', 'prod');
});
afterEach(() => issuer.close());

async function troupe(args: readonly string[], signal?: AbortSignal) {
  const terminal = recordedTerminal();
  const environment = { TROUPE_PROFILE_FILE: file };
  const code = await runCli(args, { terminal, environment, ...(signal && { signal }) });
  return { code, ...terminal.written };
}

async function done(...args: readonly string[]): Promise<string> {
  const ran = await troupe(args);
  expect(ran, args.join(' ')).toMatchObject({ code: 0 });
  return ran.err;
}

const login = (): string => join(dirname(file), 'logins', 'prod.json');

/** As if the token had been got so long ago that it expires in `leftMs`. */
function age(leftMs: number): void {
  const kept = JSON.parse(readFileSync(login(), 'utf8')) as object;
  const expiresAtMs = Date.now() + leftMs;
  writeFileSync(login(), JSON.stringify({ ...kept, obtainedAtMs: expiresAtMs - 3_600_000, expiresAtMs }));
}

const refreshes = (): number =>
  issuer.asked('/token').filter((body) => body.get('grant_type') === 'refresh_token').length;

describe('troupe login', () => {
  it('shows address and code, and keeps the token for its owner alone, for client commands', async () => {
    const said = await done('login', '--scope', 'openid offline_access');
    expect(said).toBe(
      `open ${issuer.url}/enter\nand enter the code WDJB-MJHT\nwithin 600 s\nlogged in; profile prod has the token\n`,
    );
    expect(Object.fromEntries(issuer.asked('/device')[0] ?? [])).toEqual({
      client_id: 'cli',
      scope: 'openid offline_access',
      audience: 'troupe',
    });
    expect([statSync(login()).mode & 0o777, statSync(dirname(login())).mode & 0o777]).toEqual([0o600, 0o700]);
    await done('whoami');
    expect(heard).toEqual(['Bearer access-1']);
    await done('whoami', '--token', 'other');
    expect(heard.at(-1)).toBe('Bearer other');
  });

  it('slows down when the issuer says so', async () => {
    issuer.slowDownOnce = true;
    await done('login');
    expect(issuer.asked('/token')).toHaveLength(2);
  });

  it.each([
    ['deny', 'the login was refused at the issuer', 5],
    ['expire', 'nobody entered the code in time', 5],
  ] as const)('ends when the issuer says %s', async (decision, words, code) => {
    issuer.decision = decision;
    expect(await troupe(['login'])).toMatchObject({ code, err: expect.stringContaining(words) as string });
    await done('whoami');
    expect(heard).toEqual(['']);
  });

  it('does not wait longer than the code lives', async () => {
    Object.assign(issuer, { decision: null, codeLifeS: 2 });
    expect(await troupe(['login'])).toMatchObject({ code: 5, err: expect.stringContaining('in time') as string });
  });

  it('ends by Ctrl-C', async () => {
    issuer.decision = null;
    const stop = new AbortController();
    const ran = troupe(['login'], stop.signal);
    await expect.poll(() => issuer.asked('/token').length, { timeout: 20_000 }).toBeGreaterThan(0);
    stop.abort();
    expect(await ran).toMatchObject({ code: 130 });
  });

  it('needs a profile, an issuer that is safe, and a place for the token', async () => {
    const failed = async (...args: readonly string[]): Promise<string> => {
      const ran = await troupe(args);
      expect(ran.code).toBe(2);
      return ran.err;
    };
    expect(await failed('login', '--issuer', 'http://id.example.com')).toContain('must be an https:// URL');
    await done('config', 'set', 'prod', 'clientId=', 'tokenFile=x');
    expect(await failed('login')).toContain('profile prod has tokenFile, which a login would not replace');
    await done('config', 'set', 'prod', 'tokenFile=');
    expect(await failed('login')).toContain('give --client-id, or set clientId=ID in the profile');
    expect(await failed('logout')).toContain('profile prod has no login');
    await done('config', 'delete', 'prod');
    expect(await failed('login')).toContain('a login belongs to a profile');
  });

  it('says that the issuer does not answer', async () => {
    issuer.isDown = true;
    expect(await troupe(['login'])).toMatchObject({
      code: 3,
      err: expect.stringContaining('no usable answer') as string,
    });
  });
});

describe('the token of a login', () => {
  it('is refreshed before it expires, once', async () => {
    await done('login');
    age(30_000);
    await done('whoami');
    await done('whoami');
    expect(heard).toEqual(['Bearer access-2', 'Bearer access-2']);
    expect(refreshes()).toBe(1);
  });

  it('is refreshed once by processes that need it at the same time', async () => {
    await done('login');
    age(-1);
    const children = [1, 2, 3].map(() =>
      spawn(process.execPath, ['src/cli/main.ts', 'whoami'], {
        stdio: 'ignore',
        env: { PATH: process.env['PATH'], TROUPE_PROFILE_FILE: file },
      }),
    );
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as unknown));
    expect(codes).toEqual([0, 0, 0]);
    expect(heard).toEqual(Array.from({ length: 3 }, () => 'Bearer access-2'));
    expect(refreshes()).toBe(1);
  });

  it('is used while it lasts when the issuer is down, and then the command says why not', async () => {
    await done('login');
    age(30_000);
    issuer.isDown = true;
    await done('whoami');
    expect(heard).toEqual(['Bearer access-1']);
    age(-1);
    expect(await troupe(['whoami'])).toMatchObject({ code: 3, err: expect.stringContaining(issuer.url) as string });
    issuer.isDown = false;
    await done('whoami');
    expect(heard.at(-1)).toBe('Bearer access-2');
  });

  it('is over when the issuer refuses to refresh it', async () => {
    await done('login');
    const kept = JSON.parse(readFileSync(login(), 'utf8')) as object;
    writeFileSync(login(), JSON.stringify({ ...kept, refreshToken: 'stolen' }));
    age(-1);
    const ran = await troupe(['whoami']);
    expect(ran).toMatchObject({ code: 5, err: 'troupe: the login is over: run `troupe login` again\n' });
  });
});

describe('troupe logout', () => {
  it('revokes both tokens and forgets them, and a profile with a login is not deleted', async () => {
    await done('login');
    expect((await troupe(['config', 'delete', 'prod'])).err).toContain('profile prod has a login');
    expect(await done('logout')).toBe('');
    expect([...issuer.revoked].sort()).toEqual(['access-1', 'refresh-1']);
    await done('whoami');
    expect(heard).toEqual(['']);
    await done('config', 'delete', 'prod');
  });

  it('forgets the token also if the issuer is down, or does not revoke', async () => {
    await done('login');
    issuer.isDown = true;
    expect(await troupe(['logout'])).toMatchObject({ code: 3 });
    issuer.isDown = false;
    await done('login');
    issuer.canRevoke = false;
    expect(await done('logout')).toContain('the issuer does not revoke tokens');
    await done('whoami');
    expect(heard).toEqual(['']);
  });
});
