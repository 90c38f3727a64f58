/** One request with JSON to a key service, and its answer. Both are small, and the service has a few seconds. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { ownValue } from '../../domain/own-value.ts';
import { given } from '../../domain/given.ts';

const timeoutMs = 5_000;
const answerMaxBytes = 65_536;

export interface JsonPost {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** PEM of the authorities that certify the server. Undefined: those of the system. */
  readonly ca?: Buffer | undefined;
}

export interface JsonAnswer {
  readonly status: number;
  /** Undefined if it is not JSON: a proxy between may answer with a page. */
  readonly body: unknown;
}

/** Rejects if there is no answer in time, or a larger one than any that is expected. */
export function postJson({ url, headers, body, ca }: JsonPost): Promise<JsonAnswer> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const options = { method: 'POST', headers, signal: AbortSignal.timeout(timeoutMs), ...given({ ca }) };
  return new Promise((resolve, reject) => {
    const request = send(url, options, (response) => {
      collect(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? ownValue(value as Readonly<Record<string, unknown>>, name)
    : undefined;
}

export function textOf(value: unknown, name: string): string | undefined {
  const text = fieldOf(value, name);
  return typeof text === 'string' ? text : undefined;
}

async function collect(response: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > answerMaxBytes) throw new Error(`the answer has more than ${answerMaxBytes} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
