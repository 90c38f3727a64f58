// The file of profiles: what it means, what is wrong with it and where, who may read it, and how it is changed.
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changeProfiles, readProfiles } from '../../../../src/cli/profiles/profile-file.ts';
import { parseProfiles } from '../../../../src/cli/profiles/profile.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-profiles-'));
  file = join(folder, 'config.yaml');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function errorOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'nothing was thrown';
}

const secret = 'trp_very-secret';

describe('a file of profiles', () => {
  it('has settings by name, and the current one', () => {
    const { current, named } = parseProfiles('f', 'current: a\nprofiles:\n  a: {address: "h:1", tls: true}\n  b:\n');
    expect(current).toBe('a');
    expect([...named]).toEqual([
      ['a', { address: 'h:1', tls: true }],
      ['b', {}],
    ]);
    for (const empty of ['', '# nothing', 'profiles:']) expect(parseProfiles('f', empty).named.size).toBe(0);
  });

  it.each([
    [
      'profiles:\n  a:\n    adress: x',
      'line 3: profiles.a.adress: unknown key; there are: address, tls, ca, clientCert,',
    ],
    ['profil: {}', 'line 1: profil: unknown key; there are: current, profiles'],
    ['profiles:\n  a:\n    tls: "yes"', 'line 3: profiles.a.tls: must be true or false'],
    [`profiles:\n  a:\n    token: [${secret}]`, 'line 3: profiles.a.token: must be a text'],
    ['profiles:\n  a: {}\n  b: {address: ""}', 'line 3: profiles.b.address: must not be empty'],
    ['profiles:\n  -a: {}', 'line 2: profiles.-a: its name must be 1 to 63 letters'],
    ['profiles:\n  __proto__: {}', 'line 2: profiles.__proto__: is not an allowed name'],
    [`profiles:\n  a: ${secret}`, 'line 2: profiles.a: must be a map of keys'],
    [`- ${secret}`, 'line 1: the document: must be a map of keys'],
    ['profiles: {a: {}}\ncurrent: c', 'line 2: current: there is no profile c; there are: a'],
    [`profiles:\n  a: {}\n  a: {token: ${secret}}`, 'is not valid YAML: line 3: DUPLICATE_KEY'],
    [`profiles:\n  a:\n    token: *${secret}`, 'is not valid YAML: line 3: aliases are not allowed'],
    [`profiles:\n  a:\n    token: "${secret}`, 'is not valid YAML: line'],
  ])('%j is refused with its line, and without a value', (text, words) => {
    const message = errorOf(() => parseProfiles('/f', text));
    expect(message).toContain('/f');
    expect(message).toContain(words);
    expect(message).not.toContain(secret);
  });

  it('takes paths from its own folder', () => {
    writeFileSync(file, 'profiles: {a: {ca: ca.pem, tokenFile: /t, address: here}}', { mode: 0o600 });
    expect(readProfiles(file).named.get('a')).toEqual({ ca: join(folder, 'ca.pem'), tokenFile: '/t', address: 'here' });
  });

  it('has no profiles if it is not there', () => {
    expect(readProfiles(file)).toEqual({ current: undefined, named: new Map() });
  });

  it.skipIf(process.platform === 'win32').each([0o640, 0o604, 0o620, 0o602, 0o644])(
    'is refused with the mode %o, and with 600 and 400 it is not',
    (mode) => {
      writeFileSync(file, 'profiles: {a: {}}');
      for (const own of [0o600, 0o400]) {
        chmodSync(file, own);
        expect(readProfiles(file).named.size).toBe(1);
      }
      chmodSync(file, mode);
      expect(errorOf(() => readProfiles(file))).toBe(
        `${file} may have a token, and others may read or write it: run chmod 600 ${file}`,
      );
    },
  );

  it('is refused above 256 KiB, read or written', () => {
    writeFileSync(file, `#${'x'.repeat(262_143)}`, { mode: 0o600 });
    expect(readProfiles(file).named.size).toBe(0);
    writeFileSync(file, `#${'x'.repeat(262_144)}`);
    expect(errorOf(() => readProfiles(file))).toContain('has at most 262144 bytes');
    writeFileSync(file, '');
    const tooMuch = (): void => changeProfiles(file, (document) => void (document.commentBefore = 'x'.repeat(262_144)));
    expect(errorOf(tooMuch)).toContain('has at most 262144 bytes');
  });
});

describe('a change', () => {
  it('makes folder and file for the owner alone, and leaves no draft', () => {
    const path = join(folder, 'deep', 'troupe', 'config.yaml');
    changeProfiles(path, (document) => document.setIn(['profiles', 'a'], { address: 'h:1' }));
    expect(readProfiles(path).named.get('a')).toEqual({ address: 'h:1' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'deep', 'troupe')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, 'deep', 'troupe'))).toEqual(['config.yaml']);
  });

  it('keeps comments and the link that leads to the file', () => {
    const real = join(folder, 'real.yaml');
    writeFileSync(real, '# mine\nprofiles:\n  a: {} # the first\n', { mode: 0o600 });
    symlinkSync(real, file);
    changeProfiles(file, (document) => document.set('current', 'a'));
    expect(readFileSync(real, 'utf8')).toBe('# mine\nprofiles:\n  a: {} # the first\ncurrent: a\n');
    expect(readProfiles(file).current).toBe('a');
  });

  it('writes nothing that it would not read', () => {
    writeFileSync(file, 'profiles: {a: {}}\n', { mode: 0o600 });
    expect(errorOf(() => changeProfiles(file, (document) => document.set('current', 'b')))).toContain('no profile b');
    expect(readFileSync(file, 'utf8')).toBe('profiles: {a: {}}\n');
  });
});
