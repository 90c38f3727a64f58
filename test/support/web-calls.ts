/** Calls the door of a gateway for JSON as curl would. */
import { createFileRegistry, fromBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { protoDir } from '../../src/contract/root.ts';
import type { AnyMethod } from './raw-calls.ts';

export interface WebReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: WebError & Readonly<Record<string, unknown>>;
}

/** The body of an error. */
interface WebError {
  readonly code?: string;
  readonly message?: string;
  readonly details?: readonly { readonly type: string; readonly value: string; readonly debug?: unknown }[];
}

export interface WebQuestion {
  readonly method?: string;
  readonly headers?: Readonly<OutgoingHttpHeaders>;
  readonly body?: string | Buffer;
}

/** One request on a connection of its own. Unlike `fetch`, it sends any header. */
export function ask(
  port: number,
  path: string,
  { method = 'POST', headers = {}, body }: WebQuestion,
): Promise<WebReply> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, agent: false, headers }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.once('error', reject);
      reply.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = reply.headers['content-type'] === 'application/json';
        const json = (isJson ? JSON.parse(text) : {}) as WebReply['json'];
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, text, json });
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** A call as it is meant to be made. */
export function postJson(
  port: number,
  path: string,
  body: string | Buffer,
  headers: WebQuestion['headers'] = {},
): Promise<WebReply> {
  return ask(port, path, { headers: { 'content-type': 'application/json', ...headers }, body });
}

/** The fields that are wrong, and why. */
export function violationsOf({ json }: WebReply): Readonly<Record<string, string>> {
  const badRequest = json.details?.find(({ type }) => type === 'google.rpc.BadRequest')?.debug;
  const { fieldViolations = [] } = (badRequest ?? {}) as {
    readonly fieldViolations?: readonly { readonly field?: string; readonly description: string }[];
  };
  return Object.fromEntries(fieldViolations.map(({ field = '', description }) => [field, description]));
}

/** The types of the contract, and of the details of errors. */
export const contractTypes = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, readFileSync(`${protoDir}descriptors.binpb`)),
);

/** A request of the codec as JSON. */
export function requestJson({ path, requestSerialize }: AnyMethod, request: unknown): string {
  const [, service = '', name = ''] = path.split('/');
  const input = contractTypes.getService(service)?.methods.find((method) => method.name === name)?.input;
  if (input === undefined) throw new Error(`no method ${path}`);
  return JSON.stringify(
    toJson(input, fromBinary(input, requestSerialize(request as object)), { registry: contractTypes }),
  );
}
