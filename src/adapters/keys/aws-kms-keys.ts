/**
 * Key-encryption keys in AWS KMS. They never leave it: it wraps and unwraps. The tenant is the encryption context, which KMS
 * binds and writes into its trail.
 *
 * Two requests of its API need no SDK of their own: the signature and the search for credentials are those of the SDK.
 */
import { createHash, createHmac } from 'node:crypto';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';
import type { KeyWrapping } from '../../application/ports/key-wrapping.ts';
import { type JsonAnswer, postJson, textOf } from './json-post.ts';
import { keysAway } from './key-errors.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface AwsKmsSettings {
  /** The ARN of a key or of an alias, or within the account of the credentials an id, or `alias/` and a name. */
  readonly key: string;
  readonly region: string;
  /** Undefined: that of AWS in the region. */
  readonly endpoint?: string | undefined;
  /** Asked for each request. Undefined: what the SDK finds in its environment, as for a role of a pod or a machine. */
  readonly credentials?: (() => AwsCredentials) | undefined;
  readonly close: () => void;
}

/** The search for credentials may ask servers of its own, each as long as it likes. */
const credentialsWaitMs = 10_000;
const prefix = 'aws-kms:';
/** What the ARN of a key ends with. That of a key in several regions begins with `mrk-`. */
const keyIdPattern = /^[A-Za-z0-9-]{1,48}$/;
const keyArnPattern = /^arn:[^:]+:kms:[^:]+:[^:]+:key\/([^/:]+)$/;

export function createAwsKmsKeys(settings: AwsKmsSettings): KeyWrapping {
  const { key, region } = settings;
  const url = new URL(settings.endpoint ?? endpointIn(region));
  const signer = new SignatureV4({
    service: 'kms',
    region,
    sha256: Sha256,
    credentials: credentialsOf(settings),
  });

  async function call(operation: 'Encrypt' | 'Decrypt', fields: object): Promise<JsonAnswer> {
    const body = JSON.stringify(fields);
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `TrentService.${operation}` };
    const request = {
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      headers: { ...headers, host: url.host },
      body,
    };
    const signed = await inTime(signer.sign(request)).catch((error: unknown) => {
      throw keysAway('no-answer', 'there are no credentials for AWS KMS', error);
    });
    return postJson({ url, headers: signed.headers, body }).catch((error: unknown) => {
      throw keysAway('no-answer', 'AWS KMS does not answer', error);
    });
  }

  return {
    async wrap(plain, tenant) {
      const answer = await call('Encrypt', { KeyId: key, Plaintext: base64Of(plain), ...boundTo(tenant) });
      const wrapped = textOf(answer.body, 'CiphertextBlob');
      const arn = textOf(answer.body, 'KeyId') ?? '';
      const [, id = ''] = keyArnPattern.exec(arn) ?? [];
      if (answer.status !== 200 || wrapped === undefined || !keyIdPattern.test(id)) throw refused(answer);
      // Its reference has no account: nothing could be opened again that a key of another one has wrapped.
      if (![id, arn].includes(keyLike(key, id)))
        throw keysAway('no-answer', 'AWS KMS has used a key of another account');
      return { keyRef: `${prefix}${id}`, wrapped: Buffer.from(wrapped, 'base64') };
    },
    async unwrap({ keyRef, wrapped }, tenant) {
      const id = keyRef.slice(prefix.length);
      if (!keyRef.startsWith(prefix) || !keyIdPattern.test(id))
        throw keysAway('no-key', `the key ${JSON.stringify(keyRef)} is of another place`);
      // Without the key KMS would take any, also one of a stranger who has put his own envelope into the store.
      const bound = { KeyId: keyLike(key, id), ...boundTo(tenant) };
      const answer = await call('Decrypt', { CiphertextBlob: base64Of(wrapped), ...bound });
      if (answer.status === 400 && isFinal(codeOf(answer))) return undefined;
      const plain = textOf(answer.body, 'Plaintext');
      if (answer.status !== 200 || plain === undefined) throw refused(answer);
      return Buffer.from(plain, 'base64');
    },
    describe: () => `the key ${key} of AWS KMS in ${region}`,
    close: () => settings.close(),
  };
}

/** The key of that id in the account and region of the configured one. */
function keyLike(configured: string, id: string): string {
  const [, account] = /^(arn:[^:]+:kms:[^:]+:[^:]+):/.exec(configured) ?? [];
  return account === undefined ? id : `${account}:key/${id}`;
}

function endpointIn(region: string): string {
  return `https://kms.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`;
}

/** The chain looks again when what it has found is about to expire. */
function credentialsOf({ credentials }: AwsKmsSettings): () => Promise<AwsCredentials> {
  if (credentials === undefined) return defaultProvider();
  return () => Promise.resolve(credentials());
}

function inTime<T>(work: Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(credentialsWaitMs);
  const reason = new Error(`they were not found within ${credentialsWaitMs} ms`);
  const ended = new Promise<never>((_resolve, reject) => late.addEventListener('abort', () => reject(reason)));
  return Promise.race([work, ended]);
}

/**
 * No later call has another answer: the text is not whole, is of another tenant, or of another key than its envelope says.
 * Everything else may: a key that is disabled, is to be deleted, or is there no more, can be back.
 */
function isFinal(code: string): boolean {
  return code === 'InvalidCiphertextException' || code === 'IncorrectKeyException';
}

/** Of these the key is away. Everything else is of the service, or of what this process may do. */
const ofTheKey: ReadonlySet<string> = new Set([
  'NotFoundException',
  'DisabledException',
  'KMSInvalidStateException',
  'KeyUnavailableException',
  'InvalidKeyUsageException',
]);

function refused(answer: JsonAnswer): Error {
  const code = codeOf(answer);
  const message = textOf(answer.body, 'message') ?? textOf(answer.body, 'Message') ?? '';
  const why = code === '' ? `the status ${answer.status}` : `${code}: ${message}`;
  return keysAway(ofTheKey.has(code) ? 'no-key' : 'no-answer', `AWS KMS refuses: ${why.slice(0, 200)}`);
}

/** Perhaps with a namespace before it. */
function codeOf({ body }: JsonAnswer): string {
  return textOf(body, '__type')?.split('#').at(-1) ?? '';
}

function boundTo(tenant: string): object {
  return { EncryptionContext: { 'troupe:tenant': tenant } };
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

type HashedData = string | ArrayBuffer | ArrayBufferView;

/** What the signer wants of a hash, with and without a key. */
class Sha256 {
  readonly #hash;

  constructor(key?: HashedData) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(key));
  }

  update(data: HashedData): void {
    this.#hash.update(bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
}

function bytesOf(data: HashedData): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}
