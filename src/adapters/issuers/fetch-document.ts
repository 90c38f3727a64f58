/** Fetches a small JSON document from an issuer: within a time, up to a size, without following redirects. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { given } from '../../domain/given.ts';

interface DocumentRequest {
  readonly url: string;
  /** PEM of the authorities that certify the server. Undefined: those of the system. */
  readonly ca: Buffer | undefined;
  /** Sent as `authorization: Bearer`. Undefined: none. */
  readonly bearer: string | undefined;
}

export type FetchDocument = (request: DocumentRequest) => Promise<unknown>;

const timeoutMs = 5_000;
const maxBytes = 256 * 1_024;

/** Rejects with an Error if there is no such document. Its text is for the log. */
export const fetchDocument: FetchDocument = async ({ url, ca, bearer }) => {
  const signal = AbortSignal.timeout(timeoutMs);
  const authorization = bearer === undefined ? undefined : `Bearer ${bearer}`;
  const headers = { accept: 'application/json', ...given({ authorization }) };
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, { headers, signal, agent: false, ...given({ ca }) }, (response) => {
      if (response.statusCode !== 200) {
        response.destroy();
        reject(new Error(`${url} answered with the status ${response.statusCode}`));
        return;
      }
      collect(response, url).then(resolve, reject);
    });
    request.on('error', (error) => reject(new Error(`${url} does not answer`, { cause: error })));
    request.end();
  });
};

async function collect(response: AsyncIterable<Buffer>, url: string): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`${url} answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (error) {
    throw new Error(`${url} answered with something that is not JSON`, { cause: error });
  }
}
