/**
 * Key-encryption keys in the transit engine of a Vault (or OpenBao). They never leave it: it wraps and unwraps.
 *
 * The tenant is sent as `context`, which a key with `derived` needs, and as `associated_data`, which any AES-GCM key binds.
 */
import type { KeyWrapping } from '../../application/ports/key-wrapping.ts';
import { given } from '../../domain/given.ts';
import { fieldOf, type JsonAnswer, postJson, textOf } from './json-post.ts';
import { keysAway } from './key-errors.ts';

export interface VaultSettings {
  /** Such as `https://vault.example.com:8200`. */
  readonly address: string;
  /** Where the transit engine is mounted. */
  readonly mount: string;
  readonly key: string;
  readonly namespace?: string | undefined;
  readonly token: () => string;
  /** PEM of the authorities that certify the server. Undefined: those of the system. */
  readonly ca: () => Buffer | undefined;
  readonly close: () => void;
}

const prefix = 'vault:';
const vaultKeyPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$/;

export function createVaultKeys(settings: VaultSettings): KeyWrapping {
  const { address, key, mount, namespace } = settings;

  async function call(operation: 'encrypt' | 'decrypt', name: string, fields: object): Promise<JsonAnswer> {
    const url = new URL(`v1/${mount}/${operation}/${name}`, address.endsWith('/') ? address : `${address}/`);
    const headers = {
      'content-type': 'application/json',
      'x-vault-token': settings.token(),
      'x-vault-request': 'true',
      ...given({ 'x-vault-namespace': namespace }),
    };
    const request = { url, headers, body: JSON.stringify(fields), ca: settings.ca() };
    const answer = await postJson(request).catch((error: unknown) => {
      throw keysAway('no-answer', 'Vault does not answer', error);
    });
    const { status } = answer;
    if (status === 200 || status === 400) return answer;
    throw keysAway('no-answer', `Vault answered with the status ${status}`);
  }

  return {
    async wrap(plain, tenant) {
      const answer = await call('encrypt', key, { plaintext: base64Of(plain), ...boundTo(tenant) });
      const ciphertext = textOf(fieldOf(answer.body, 'data'), 'ciphertext');
      if (answer.status !== 200 || ciphertext === undefined) throw refused(answer);
      return { keyRef: `${prefix}${key}`, wrapped: Buffer.from(ciphertext) };
    },
    async unwrap({ keyRef, wrapped }, tenant) {
      const name = keyRef.slice(prefix.length);
      // The reference comes from the store, and becomes a part of an address.
      if (!keyRef.startsWith(prefix) || !vaultKeyPattern.test(name))
        throw keysAway('no-key', `the key ${JSON.stringify(keyRef)} is of another place`);
      const ciphertext = Buffer.from(wrapped).toString('utf8');
      const answer = await call('decrypt', name, { ciphertext, ...boundTo(tenant) });
      if (answer.status === 400 && errorsOf(answer.body).some(isFinal)) return undefined;
      const plaintext = textOf(fieldOf(answer.body, 'data'), 'plaintext');
      if (answer.status !== 200 || plaintext === undefined) throw refused(answer);
      return Buffer.from(plaintext, 'base64');
    },
    describe: () => `the transit key ${key} of ${address}`,
    close: () => settings.close(),
  };
}

/**
 * No later call has another answer. Everything else may: a key that is not there, a version below the least, or one that this
 * Vault does not have yet, as a replica just after a rotation, or one that was restored from a backup.
 */
function isFinal(error: string): boolean {
  if (error.includes('version is too new')) return false;
  return error.includes('message authentication failed') || error.startsWith('invalid ciphertext');
}

function refused({ status, body }: JsonAnswer): Error {
  const [why = `the status ${status}`] = errorsOf(body);
  return keysAway('no-key', `Vault refuses: ${why.slice(0, 200)}`);
}

function boundTo(tenant: string): object {
  const bound = Buffer.from(tenant).toString('base64');
  return { context: bound, associated_data: bound };
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function errorsOf(body: unknown): readonly string[] {
  const errors = fieldOf(body, 'errors');
  return Array.isArray(errors) ? errors.filter((error) => typeof error === 'string') : [];
}
