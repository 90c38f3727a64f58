/**
 * Key-encryption keys in a file: for development, and for clusters whose secrets are files. Each line has the name of a key
 * and its 256 bits as base64. The first key wraps; the others still unwrap what they have wrapped.
 *
 * A reference has the name of a key and a check of its bits. So another key of the same name, as two hosts have that each made
 * a file of their own, is a key that is missing, and does not make everything that was sealed look damaged.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { KeyWrapping } from '../../application/ports/key-wrapping.ts';
import { keysAway } from './key-errors.ts';

export interface FileKeys {
  /** The first key. */
  readonly current: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$/;
const base64Pattern = /^[A-Za-z0-9+/]{43}=$/;
const keysInFileMax = 100;
const nonceBytes = 12;
const tagBytes = 16;
const prefix = 'file:';
const checkChars = 8;

/** Throws an Error that names the line, and never what is in it. */
export function parseKeyFile(content: Buffer): FileKeys {
  const keys = new Map<string, Buffer>();
  for (const [index, line] of content.toString('utf8').split('\n').entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const [name = '', key = '', ...more] = text.split(/\s+/);
    const where = `line ${index + 1}`;
    if (!namePattern.test(name) || more.length > 0)
      throw new Error(`${where} must be a name of 1 to 48 letters, digits and "._-", a space, and a key`);
    if (!base64Pattern.test(key)) throw new Error(`${where}: the key must be 32 bytes as base64`);
    if (keys.has(name)) throw new Error(`${where}: there is a key of this name already`);
    keys.set(name, Buffer.from(key, 'base64'));
  }
  const [current] = keys.keys();
  if (current === undefined) throw new Error('it has no key');
  if (keys.size > keysInFileMax) throw new Error(`it has more than ${keysInFileMax} keys`);
  return { current, keys };
}

interface FileKeysParts {
  /** Path of the file, for the log. */
  readonly path: string;
  /** What the file says now. */
  readonly keys: () => FileKeys;
  readonly close: () => void;
}

export function createFileKeys({ path, keys: read, close }: FileKeysParts): KeyWrapping {
  return {
    async wrap(plain, tenant) {
      const { current, keys } = read();
      const key = keyOf(keys, current);
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
      cipher.setAAD(aboutTenant(tenant));
      const wrapped = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return { keyRef: `${prefix}${current}#${checkOf(key)}`, wrapped };
    },
    async unwrap({ keyRef, wrapped }, tenant) {
      if (!keyRef.startsWith(prefix)) throw keysAway('no-key', `the key ${JSON.stringify(keyRef)} is of another place`);
      // References of before have no check.
      const [name = '', check] = keyRef.slice(prefix.length).split('#');
      const key = keyOf(read().keys, name);
      if (check !== undefined && check !== checkOf(key))
        throw keysAway('no-key', `the file of keys has another key of the name ${JSON.stringify(name)}`);
      const textEnd = wrapped.byteLength - tagBytes;
      if (textEnd < nonceBytes) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(aboutTenant(tenant));
      decipher.setAuthTag(wrapped.subarray(textEnd));
      const plain = decipher.update(wrapped.subarray(nonceBytes, textEnd));
      try {
        return Buffer.concat([plain, decipher.final()]);
      } catch {
        // The only reason is a wrong tag.
        return undefined;
      }
    },
    describe: () => `keys of the file ${path}`,
    close,
  };
}

function keyOf(keys: FileKeys['keys'], name: string): Buffer {
  const key = keys.get(name);
  if (key === undefined) throw keysAway('no-key', `the file of keys has no key ${JSON.stringify(name)}`);
  return key;
}

/** Tells keys apart, and nothing about them. */
function checkOf(key: Buffer): string {
  return createHmac('sha256', key).update('troupe key check 1').digest('hex').slice(0, checkChars);
}

function aboutTenant(tenant: string): Buffer {
  return Buffer.from(`troupe key 1\0${tenant}`);
}
