/**
 * Whose stream of HTTP/2 a call is. A stream is there before anybody knows its caller, and grpc-js does not say which
 * stream a call has. So each stream gets a number, in a header that no client can set, and its call finds it by that.
 */
import type { IncomingHttpHeaders } from 'node:http2';
import type { Metadata } from '@grpc/grpc-js';

const header = 'x-troupe-stream';

/** Whoever it is, before the caller is known. */
const nobody = '';

interface Closing {
  once(event: 'close', listener: () => void): unknown;
}

export class StreamOwners {
  readonly #tenants = new Map<string, string>();
  #count = 0;

  /** Returns whose the stream is, as far as that is known. */
  begin(stream: Closing, headers: IncomingHttpHeaders): () => string {
    this.#count += 1;
    const id = String(this.#count);
    headers[header] = id;
    this.#tenants.set(id, nobody);
    stream.once('close', () => this.#tenants.delete(id));
    let known = nobody;
    // It is asked until the stream is closed, and after that, too.
    return () => (known = this.#tenants.get(id) ?? known);
  }

  /** The caller is known. Does nothing if the stream is closed. */
  belongs({ metadata }: { readonly metadata: Metadata }, tenant: string): void {
    const id = String(metadata.get(header)[0]);
    if (this.#tenants.has(id)) this.#tenants.set(id, tenant);
  }
}
