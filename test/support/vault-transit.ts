/**
 * A stand-in for the transit engine of a Vault, on loopback. It keeps what counts of the real one: versions of a key, a key
 * derived by the context (or one that is not, which ignores it), associated data, a least version to decrypt, tokens, a
 * sealed Vault, and the texts and statuses of errors.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

interface TransitKey {
  readonly derived: boolean;
  readonly versions: Buffer[];
  minDecryption: number;
}

export interface VaultTransit {
  readonly address: string;
  readonly requests: { readonly path: string; readonly namespace: string | undefined; readonly body: unknown }[];
  token: string;
  /** Answers 503, as a Vault that was sealed. */
  isSealed: boolean;
  /** Answers nothing, and closes the connection. */
  isDead: boolean;
  createKey(name: string, options?: { readonly derived?: boolean }): void;
  rotate(name: string): void;
  /** Does not have the newest version, until it learns it: as a replica that is behind. */
  forgetNewest(name: string): void;
  learnNewest(name: string): void;
  setMinDecryption(name: string, version: number): void;
  close(): Promise<void>;
}

interface Body {
  readonly plaintext?: string;
  readonly ciphertext?: string;
  readonly context?: string;
  readonly associated_data?: string;
}

class Refusal extends Error {}

export async function startVaultTransit(): Promise<VaultTransit> {
  const keys = new Map<string, TransitKey>();
  const forgotten = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    if (own.isDead) {
      request.socket.destroy();
      return;
    }
    void answer(request).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Body;
    const namespace = request.headers['x-vault-namespace'];
    own.requests.push({ path: request.url ?? '', namespace: namespace?.toString(), body });
    if (own.isSealed) return { status: 503, body: { errors: ['Vault is sealed'] } };
    if (request.headers['x-vault-token'] !== own.token) return { status: 403, body: { errors: ['permission denied'] } };
    const [, operation, name = ''] = /^\/v1\/transit\/(encrypt|decrypt)\/([^/]+)$/.exec(request.url ?? '') ?? [];
    if (operation === undefined) return { status: 404, body: { errors: [] } };
    const key = keys.get(name);
    if (key === undefined) return { status: 400, body: { errors: ['encryption key not found'] } };
    try {
      return { status: 200, body: { data: operation === 'encrypt' ? encrypt(key, body) : decrypt(key, body) } };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: 400, body: { errors: [error.message] } };
    }
  }

  const own: VaultTransit = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    token: 'a-token-for-tests',
    isSealed: false,
    isDead: false,
    createKey(name, { derived = true } = {}) {
      keys.set(name, { derived, versions: [randomBytes(32)], minDecryption: 1 });
    },
    rotate(name) {
      keys.get(name)?.versions.push(randomBytes(32));
    },
    forgetNewest(name) {
      const newest = keys.get(name)?.versions.pop();
      if (newest !== undefined) forgotten.set(name, newest);
    },
    learnNewest(name) {
      const newest = forgotten.get(name);
      if (newest !== undefined) keys.get(name)?.versions.push(newest);
    },
    setMinDecryption(name, version) {
      const key = keys.get(name);
      if (key !== undefined) key.minDecryption = version;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return own;
}

function keyFor(key: TransitKey, version: number, { context }: Body): Buffer {
  const root = key.versions[version - 1];
  if (root === undefined) throw new Refusal('invalid ciphertext: version is too new');
  if (!key.derived) return root;
  if (context === undefined || context === '')
    throw new Refusal(
      "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key",
    );
  return createHmac('sha256', root).update(Buffer.from(context, 'base64')).digest();
}

function encrypt(key: TransitKey, body: Body): object {
  const version = key.versions.length;
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', keyFor(key, version, body), nonce);
  cipher.setAAD(Buffer.from(body.associated_data ?? '', 'base64'));
  const text = Buffer.concat([nonce, cipher.update(Buffer.from(body.plaintext ?? '', 'base64')), cipher.final()]);
  const ciphertext = `vault:v${version}:${Buffer.concat([text, cipher.getAuthTag()]).toString('base64')}`;
  return { ciphertext, key_version: version };
}

function decrypt(key: TransitKey, body: Body): object {
  const [, digits = '', base64 = ''] = /^vault:v(\d+):(.+)$/.exec(body.ciphertext ?? '') ?? [];
  if (digits === '') throw new Refusal('invalid ciphertext: no prefix');
  const version = Number(digits);
  if (version < key.minDecryption)
    throw new Refusal('ciphertext or signature version is disallowed by policy (too old)');
  const bytes = Buffer.from(base64, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', keyFor(key, version, body), bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from(body.associated_data ?? '', 'base64'));
  decipher.setAuthTag(bytes.subarray(-16));
  try {
    const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    return { plaintext: plain.toString('base64') };
  } catch {
    throw new Refusal('cipher: message authentication failed');
  }
}
