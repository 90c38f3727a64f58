/**
 * Signs a request of S3 within its address, by Signature Version 4, so that whoever has the address may send this one
 * request until it expires. The headers that are given are signed, too: the server refuses the request without exactly
 * these. Pure, so that the example of AWS can check it.
 */
import { createHash, createHmac } from 'node:crypto';

export interface SigningKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of a role. */
  readonly sessionToken?: string | undefined;
}

export interface Presigned {
  readonly method: 'GET' | 'PUT';
  /** Of the object, without a query. */
  readonly url: URL;
  /** Parameters of the request, by name. */
  readonly query?: Readonly<Record<string, string>>;
  /** By name in lower case. `host` is signed in any case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly region: string;
  readonly key: SigningKey;
  readonly wallMs: number;
  readonly lifetimeSeconds: number;
}

const algorithm = 'AWS4-HMAC-SHA256';

export function presignedUrl({ method, url, query = {}, headers = {}, ...by }: Presigned): string {
  const { region, key, wallMs, lifetimeSeconds } = by;
  const time = new Date(wallMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = [time.slice(0, 8), region, 's3', 'aws4_request'];
  const signed: Readonly<Record<string, string>> = { ...headers, host: url.host };
  const names = Object.keys(signed).toSorted();
  const token = key.sessionToken === undefined ? {} : { 'X-Amz-Security-Token': key.sessionToken };
  const parameters = queryText({
    ...query,
    ...token,
    'X-Amz-Algorithm': algorithm,
    'X-Amz-Credential': [key.accessKeyId, ...scope].join('/'),
    'X-Amz-Date': time,
    'X-Amz-Expires': String(lifetimeSeconds),
    'X-Amz-SignedHeaders': names.join(';'),
  });
  const lines = Object.entries(signed).map(([name, value]) => `${name}:${value.trim()}\n`);
  const request = [method, url.pathname, parameters, lines.toSorted().join(''), names.join(';'), 'UNSIGNED-PAYLOAD'];
  const digest = createHash('sha256').update(request.join('\n')).digest('hex');
  const text = [algorithm, time, scope.join('/'), digest].join('\n');
  const signingKey = scope.reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${key.secretAccessKey}`);
  return `${url.origin}${url.pathname}?${parameters}&X-Amz-Signature=${hmac(signingKey, text).toString('hex')}`;
}

function queryText(parameters: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(parameters).map(([name, value]) => `${encoded(name)}=${encoded(value)}`);
  return pairs.toSorted().join('&');
}

/** As the signature wants it: all but letters, digits and `-_.~`. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
