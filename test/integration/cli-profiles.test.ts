// `troupe config`, and how client commands reach a gateway with what it keeps: certificates of their own among it.
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/main.ts';
import { connect } from '../../src/client/index.ts';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { serveWhoAmI } from '../support/who-am-i.ts';

interface Heard {
  readonly token: string | undefined;
}

let folder: string;
let own: Certificates;
let callers: Certificates;
let strangers: Certificates;
let server: Server;
let address: string;
let file: string;
const heard: Heard[] = [];

/** Asks every client for a certificate of `callers`, and answers WhoAmI. */
async function startServer(): Promise<number> {
  serveWhoAmI(server, (token) => void heard.push({ token }));
  const pair = { cert_chain: readFileSync(own.certPath), private_key: readFileSync(own.keyPath) };
  const asking = ServerCredentials.createSsl(readFileSync(callers.caPath), [pair], true);
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', asking, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-cli-profiles-'));
  [own, callers, strangers] = [
    makeCertificates(folder),
    makeCertificates(folder, 'caller'),
    makeCertificates(folder, 'stranger'),
  ];
  server = new Server();
  address = `127.0.0.1:${await startServer()}`;
});
afterAll(() => {
  server.forceShutdown();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  heard.length = 0;
  file = join(mkdtempSync(join(folder, 'home-')), 'config.yaml');
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function troupe(
  args: readonly string[],
  { stdin = '', ...environment }: Readonly<Record<string, string>> & { readonly stdin?: string } = {},
): Promise<Ran> {
  const terminal = recordedTerminal({ stdin });
  const code = await runCli(args, { terminal, environment: { TROUPE_PROFILE_FILE: file, ...environment } });
  return { code, ...terminal.written };
}

async function done(...args: readonly string[]): Promise<string> {
  const ran = await troupe(args);
  expect(ran, args.join(' ')).toMatchObject({ code: 0 });
  return ran.out;
}

describe('a certificate of the client', () => {
  const asFlags = (): string[] => [
    '--ca',
    own.caPath,
    '--client-cert',
    callers.certPath,
    '--client-key',
    callers.keyPath,
  ];
  const asVariables = () => ({
    TROUPE_ADDRESS: address,
    TROUPE_CA: own.caPath,
    TROUPE_CLIENT_CERT: callers.certPath,
    TROUPE_CLIENT_KEY: callers.keyPath,
  });

  it('is given by flags, by the environment, or by a profile', async () => {
    const byFlag = await troupe(['whoami', '--address', address, ...asFlags()]);
    const byVariable = await troupe(['whoami'], asVariables());
    await done('config', 'set', 'prod', `address=${address}`, `ca=${own.caPath}`);
    await done('config', 'set', 'prod', `clientCert=${callers.certPath}`, `clientKey=${callers.keyPath}`);
    await done('config', 'use', 'prod');
    for (const ran of [byFlag, byVariable, await troupe(['whoami'])])
      expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('jwt:test:alice') as string });
    expect(heard).toHaveLength(3);
  });

  it('is asked for in words if it is missing, and said to be refused if it is a stranger’s', async () => {
    const without = await troupe(['whoami', '--address', address, '--ca', own.caPath]);
    expect(without.code).toBe(3);
    expect(without.err).toContain('if it asks for a certificate, add --client-cert FILE --client-key FILE');
    const pair = ['--client-cert', strangers.certPath, '--client-key', strangers.keyPath];
    const refused = await troupe(['whoami', '--address', address, '--ca', own.caPath, ...pair]);
    expect(refused.code).toBe(3);
    expect(refused.err).toContain('it does not accept the certificate of --client-cert');
    expect(heard).toEqual([]);
  });

  it('is refused before anything is sent if it is not one, with who named it', async () => {
    const junk = join(folder, 'junk.pem');
    writeFileSync(junk, 'junk');
    const wrong = async (changed: object): Promise<string> => {
      const ran = await troupe(['whoami'], { ...asVariables(), ...changed });
      expect(ran.code).toBe(2);
      return ran.err;
    };
    expect(await wrong({ TROUPE_CA: junk })).toBe(`troupe: TROUPE_CA ${junk}: is not a certificate in PEM\n`);
    expect(await wrong({ TROUPE_CLIENT_CERT: junk })).toContain(`TROUPE_CLIENT_CERT ${junk}: is not a certificate`);
    expect(await wrong({ TROUPE_CLIENT_KEY: junk })).toContain(
      `TROUPE_CLIENT_KEY ${junk}: is not a private key in PEM`,
    );
    expect(await wrong({ TROUPE_CLIENT_KEY: strangers.keyPath })).toContain('is the key of another certificate');
    expect(await wrong({ TROUPE_CLIENT_KEY: '' })).toContain('TROUPE_CLIENT_CERT needs TROUPE_CLIENT_KEY');
    expect(await wrong({ TROUPE_CA: join(folder, 'none') })).toContain(
      `none cannot be read: the file or folder does not`,
    );
    expect(await wrong({ TROUPE_TOKEN: 'two words' })).toContain('TROUPE_TOKEN: must be visible ASCII characters');
  });

  it('needs no flag of the command in programs, and half a pair is refused there, too', async () => {
    const [ca, cert, key] = [own.caPath, callers.certPath, callers.keyPath].map((path) => readFileSync(path)) as [
      Buffer,
      Buffer,
      Buffer,
    ];
    const client = connect({ address, tls: { ca, cert, key } });
    expect(await client.access.whoAmI()).toMatchObject({ principal: 'jwt:test:alice' });
    client.close();
    for (const [tls, field] of [
      [{ cert }, 'tls.key'],
      [{ key }, 'tls.cert'],
    ] as const)
      expect(() => connect({ address, tls })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', violations: [expect.objectContaining({ field })] }),
      );
  });

  it('is not spoken of where nobody asks for one', async () => {
    const quiet = createSecureServer({ cert: readFileSync(own.certPath), key: readFileSync(own.keyPath) });
    await new Promise<void>((resolve) => quiet.listen(0, '127.0.0.1', resolve));
    quiet.on('stream', (stream) => stream.close(8));
    const { port } = quiet.address() as AddressInfo;
    try {
      const ran = await troupe(['whoami', '--address', `127.0.0.1:${port}`, '--ca', strangers.caPath]);
      expect(ran.err).toContain('its certificate is not trusted');
    } finally {
      quiet.close();
    }
  });
});

describe('troupe config', () => {
  it('makes, shows, chooses and deletes profiles, and shows no token', async () => {
    expect(await done('config', 'list')).toMatch(/PROFILE/);
    const set = await troupe(['config', 'set', 'prod', 'address=h:1', 'tls=true', 'token=-'], {
      stdin: 'trp_secret\n',
    });
    expect(set).toEqual({
      code: 0,
      out: '',
      err: 'no profile is the current one: `troupe config use prod` makes it so\n',
    });
    expect(readFileSync(file, 'utf8')).toContain('token: trp_secret');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await done('config', 'set', 'test', 'address=h:2', 'ca=ca.pem');
    await done('config', 'use', 'prod');
    const [list, one, json] = [
      await done('config', 'list'),
      await done('config', 'get', 'prod'),
      await done('config', 'get', 'prod', '--json'),
    ];
    expect(list).toMatch(/^\* +prod +h:1 +yes +- +token \(not shown\)$/m);
    expect(list).toMatch(/^ +test +h:2 +yes +- +none$/m);
    expect(one).toMatch(/^profile +prod \(current\)\naddress +h:1\ntls +true\ncredential +token \(not shown\)\n$/);
    expect(JSON.parse(json)).toEqual({ name: 'prod', isCurrent: true, address: 'h:1', tls: true, hasToken: true });
    expect(list + one + json).not.toContain('trp_secret');
    expect(await done('config', 'get', 'test')).toContain(`ca           ${join(process.cwd(), 'ca.pem')}\n`);
    await done('config', 'set', 'prod', 'token=', 'tls=');
    expect(JSON.parse(await done('config', 'get', 'prod', '--json'))).toEqual({
      name: 'prod',
      isCurrent: true,
      address: 'h:1',
      hasToken: false,
    });
    await done('config', 'delete', 'prod');
    expect(await done('config', 'list', '--json')).not.toMatch(/prod|"isCurrent":true/);
  });

  it.each([
    [['get', 'a'], 'there is no profile a; there are none in'],
    [['use', 'a'], 'there is no profile a; there are none in'],
    [['delete', 'a'], 'there is no profile a; there are none in'],
    [['set', '-', 'tls=true'], 'profile -: must be 1 to 63 letters'],
    [
      ['set', 'a', 'trp_secret'],
      'a setting has an unknown key; there are: address, tls, ca, clientCert, clientKey, token,',
    ],
    [['set', 'a', 'tls'], 'tls: write tls=VALUE'],
    [['set', 'a', 'tls=yes'], 'tls: must be true or false'],
    [['set', 'a', 'token=trp_secret'], 'token: others could see it on the command line; write token=-'],
    [['set', 'a', 'token=-'], 'token=-: standard input has no token'],
  ])('refuses %j', async (args, words) => {
    const ran = await troupe(['config', ...args]);
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining(words) as string });
    expect(ran.err).not.toContain('trp_secret');
  });

  it('fills sections that are empty in the file', async () => {
    for (const text of ['profiles:\n', 'profiles:\n  a:\n']) {
      writeFileSync(file, text, { mode: 0o600 });
      await done('config', 'set', 'a', 'address=h:1');
      expect(JSON.parse(await done('config', 'get', 'a', '--json'))).toMatchObject({ address: 'h:1' });
    }
  });

  it('says when the current profile does not apply', async () => {
    await done('config', 'set', 'a', 'address=h:1');
    for (const name of ['TROUPE_PROFILE', 'TROUPE_ADDRESS']) {
      const { err } = await troupe(['config', 'use', 'a'], { [name]: 'x' });
      expect(err).toBe(`${name} is set, so the current profile does not apply: unset it, or use --profile\n`);
    }
  });
});

describe('the token of a profile', () => {
  const whoami = async (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
    const pair = { TROUPE_CA: own.caPath, TROUPE_CLIENT_CERT: callers.certPath, TROUPE_CLIENT_KEY: callers.keyPath };
    const ran = await troupe(['whoami', ...args], { ...pair, ...environment });
    expect(ran).toMatchObject({ code: 0 });
    return heard.at(-1)?.token;
  };

  it('goes to its own gateway, and to another one only if the profile was named', async () => {
    await troupe(['config', 'set', 'prod', `address=${address}`, 'token=-'], { stdin: 'of-prod' });
    await troupe(['config', 'set', 'away', 'address=127.0.0.1:1', 'token=-'], { stdin: 'of-away' });
    await done('config', 'use', 'prod');
    expect(await whoami([])).toBe('Bearer of-prod');
    await done('config', 'use', 'away');
    expect(await whoami(['--address', address])).toBeUndefined();
    expect(await whoami([], { TROUPE_ADDRESS: address })).toBeUndefined();
    expect(await whoami(['--address', address, '--profile', 'away'])).toBe('Bearer of-away');
    expect(await whoami([], { TROUPE_ADDRESS: address, TROUPE_PROFILE: 'away' })).toBe('Bearer of-away');
    expect(await whoami(['--profile', 'prod'], { TROUPE_PROFILE: 'away' })).toBe('Bearer of-prod');
    expect(await whoami(['--profile', 'prod'], { TROUPE_TOKEN: 'of-env' })).toBe('Bearer of-env');
    expect(await whoami(['--profile', 'prod', '--token', 'of-flag'], { TROUPE_TOKEN: 'of-env' })).toBe(
      'Bearer of-flag',
    );
  });

  it('may be in a file of its own, beside that of the profiles', async () => {
    writeFileSync(join(file, '..', 'the.token'), 'of-file\n');
    writeFileSync(file, `profiles: {prod: {address: "${address}", tokenFile: the.token}}`, { mode: 0o600 });
    expect(await whoami(['--profile', 'prod'])).toBe('Bearer of-file');
  });

  it('is in a file that $XDG_CONFIG_HOME leads to', async () => {
    const home = join(file, '..');
    const environment = { TROUPE_PROFILE_FILE: '', XDG_CONFIG_HOME: home };
    expect(await troupe(['config', 'set', 'prod', 'address=h:1'], environment)).toMatchObject({ code: 0 });
    expect(readFileSync(join(home, 'troupe', 'config.yaml'), 'utf8')).toContain('address: h:1');
  });

  it('is not used if the file is wrong: the error has file, key and what there is', async () => {
    const failed = async (...args: readonly string[]): Promise<string> => {
      const ran = await troupe(['whoami', ...args]);
      expect(ran.code).toBe(2);
      return ran.err;
    };
    expect(await failed('--profile', 'x')).toBe(
      `troupe: --profile: there is no profile x; there are none in ${file}\n`,
    );
    writeFileSync(file, 'profiles:\n  a: {addres: x}\n', { mode: 0o600 });
    expect(await failed()).toContain(
      `${file} is not valid:\n  line 2: profiles.a.addres: unknown key; there are: address,`,
    );
    writeFileSync(file, 'current: a\nprofiles:\n  a: {address: "http://h:1"}\n');
    expect(await failed()).toContain('profile a: address http://h:1: is a URL: write h:1');
  });
});
