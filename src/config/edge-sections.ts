/** The edge of a process: gRPC and HTTP. */
import { z } from 'zod';
import { authKeys } from './auth-keys.ts';
import { connectionKeys } from './connection-keys.ts';
import { key, path, port, wholeNumber } from './schema-key.ts';
import { webKeys } from './web-keys.ts';

export const operatorTokenPattern = /^[\x21-\x7e]{16,512}$/;

export const gatewaySection = z.strictObject({
  host: key(z.string().min(1).default('127.0.0.1'), {
    meaning: 'Address the gRPC server listens on.',
    consequence:
      'Any address but loopback needs `gateway.tls`, or `gateway.insecure` to confirm that plain text is intended.',
  }),
  port: key(port.default(50_051), {
    meaning: 'Port of the gRPC server.',
    consequence: '0 takes any free port and prints it.',
  }),
  tls: z
    .strictObject({
      certPath: key(path.optional(), {
        meaning: 'PEM file with the certificate chain of the server.',
        consequence:
          'Together with `keyPath` it turns TLS on. Both are read again when they change, within 10 s; connections go on.',
      }),
      keyPath: key(path.optional(), {
        meaning: 'PEM file with the private key of the server.',
        consequence: 'Let only this process read it.',
      }),
    })
    .prefault({}),
  insecure: key(z.boolean().default(false), {
    meaning: 'Allows an address other than loopback without TLS.',
    consequence: 'Whoever is on the way can read and change calls, and take their tokens.',
  }),
  ...authKeys,
  operatorToken: key(z.string().regex(operatorTokenPattern, 'must be 16 to 512 visible ASCII characters').optional(), {
    meaning: 'A token that allows everything in the tenant `default` and in the cluster.',
    consequence:
      'For the day on which no issuer answers. With it, callers without a token can no longer steer the cluster. Prefer a file: `operatorTokenPath`.',
    defaultNote: 'none',
  }),
  operatorTokenPath: key(path.optional(), {
    meaning: 'File with that token. White space at its end is ignored.',
    consequence: 'Read again when it changes, within 10 s. Use it instead of `operatorToken`.',
    defaultNote: 'none',
  }),
  reflection: key(z.boolean().default(false), {
    meaning: 'Serves gRPC reflection, so that clients need no generated code.',
    consequence: 'Everyone who may call sees the contract; no permission is needed. `troupe dev` turns it on.',
  }),
  payloadMaxBytes: key(wholeNumber(1_024, 512 * 1_048_576).default(16 * 1_048_576), {
    meaning: 'Largest input or output that is handed over whole: in one message, or to a handler that does not stream.',
    unit: 'bytes',
    consequence:
      'A larger payload is refused with PAYLOAD_TOO_LARGE, unless it is streamed: see `objects.payloadMaxBytes`. Each call in flight may hold this much memory.',
  }),
  jobsInFlightMax: key(wholeNumber(1, 1_000_000).default(20_000), {
    meaning: 'Jobs in submits that are not answered yet.',
    unit: 'jobs',
    consequence:
      'Further submits are refused with RESOURCE_EXHAUSTED and RetryInfo. One tenant gets at most nine times what is free, so alone nine tenths.',
  }),
  bytesInFlightMax: key(wholeNumber(1_048_576, 64 * 1_073_741_824).default(128 * 1_048_576), {
    meaning:
      'Inputs of those jobs together; and the same amount again for requests that are still being received, and for those whose issuer has not said its keys yet.',
    unit: 'bytes',
    consequence:
      'They are held in memory. Past the limit submits are refused with RESOURCE_EXHAUSTED and RetryInfo, and the connection with the most unfinished bytes loses its oldest large request.',
  }),
  sendBytesMax: key(wholeNumber(8 * 1_048_576, 64 * 1_073_741_824).default(128 * 1_048_576), {
    meaning:
      'Payloads that are loaded for answers, and answers, pieces of streams and parts of downloads that clients have not read yet, together.',
    unit: 'bytes',
    consequence:
      'They are held in memory. Past the limit reads and streams are refused with RESOURCE_EXHAUSTED and RetryInfo, downloads already at 60 % of it (1 MiB each). One answer may go past it.',
  }),
  watchesMax: key(wholeNumber(1, 1_000_000).default(10_000), {
    meaning: 'Watches that may be open at once.',
    unit: 'streams',
    consequence:
      'Further watches are refused with RESOURCE_EXHAUSTED and RetryInfo. One tenant gets at most nine times what is free.',
  }),
  ...connectionKeys,
  ...webKeys,
});

export const httpSection = z.strictObject({
  host: key(z.string().min(1).default('127.0.0.1'), {
    meaning: 'Address of the HTTP server for `/healthz`, `/readyz` and `/metrics`.',
    consequence: 'In a cluster, probes and scrapes must be able to reach it.',
  }),
  port: key(port.default(8_080), {
    meaning: 'Port of the HTTP server.',
    consequence: '0 takes any free port and prints it.',
  }),
});
