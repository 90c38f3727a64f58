/** Where the world gets in: gRPC and HTTP. */
import { z } from 'zod';
import { key, path, port, wholeNumber } from './schema-key.ts';

export const operatorTokenPattern = /^[\x21-\x7e]{16,512}$/;

export const gatewaySection = z.strictObject({
  host: key(z.string().min(1).default('127.0.0.1'), {
    meaning: 'Address the gRPC server listens on.',
    consequence: 'Anything but loopback needs `gateway.tls`, or `gateway.insecure` to say that it is meant.',
  }),
  port: key(port.default(50_051), {
    meaning: 'Port of the gRPC server.',
    consequence: '0 takes any free port and prints it.',
  }),
  tls: z
    .strictObject({
      certPath: key(path.optional(), {
        meaning: 'PEM file with the certificate chain of the server.',
        consequence: 'With `keyPath` it turns TLS on.',
      }),
      keyPath: key(path.optional(), {
        meaning: 'PEM file with the private key of the server.',
        consequence: 'Readable by this process only, please.',
      }),
    })
    .prefault({}),
  insecure: key(z.boolean().default(false), {
    meaning: 'Allows an address other than loopback without TLS.',
    consequence: 'Everyone who reaches the port can submit, read and cancel jobs.',
  }),
  operatorToken: key(z.string().regex(operatorTokenPattern, 'must be 16 to 512 visible ASCII characters').optional(), {
    meaning: 'What operators show to drain nodes, stop and resume queues, and profile runs.',
    consequence:
      'Without it those calls are open on loopback and refused on any other address. Better kept in a file: `operatorTokenPath`.',
    defaultNote: 'none',
  }),
  operatorTokenPath: key(path.optional(), {
    meaning: 'File with that token; white space at its end is left out.',
    consequence: 'Read when the process starts. In place of `operatorToken`.',
    defaultNote: 'none',
  }),
  reflection: key(z.boolean().default(false), {
    meaning: 'Serves gRPC reflection, so that clients need no generated code.',
    consequence: 'Shows the contract to everyone who reaches the port. `troupe dev` turns it on.',
  }),
  payloadMaxBytes: key(wholeNumber(1_024, 512 * 1_048_576).default(16 * 1_048_576), {
    meaning: 'Largest input or output of a job.',
    unit: 'bytes',
    consequence: 'Larger is refused with PAYLOAD_TOO_LARGE. Each call in flight may hold this much memory.',
  }),
  jobsInFlightMax: key(wholeNumber(1, 1_000_000).default(20_000), {
    meaning: 'Jobs of submits that are not answered yet.',
    unit: 'jobs',
    consequence: 'Past it submits are refused with RESOURCE_EXHAUSTED and RetryInfo.',
  }),
  bytesInFlightMax: key(wholeNumber(1_048_576, 64 * 1_073_741_824).default(128 * 1_048_576), {
    meaning: 'Inputs of those jobs, together; and as much again of requests that have not come to their end.',
    unit: 'bytes',
    consequence:
      'They are held in memory; past it submits are refused with RESOURCE_EXHAUSTED and RetryInfo, and the connection that holds most of what has begun loses its oldest large request.',
  }),
  sendBytesMax: key(wholeNumber(8 * 1_048_576, 64 * 1_073_741_824).default(128 * 1_048_576), {
    meaning: 'Answers, pieces of streams and parts of downloads that clients have not read yet, together.',
    unit: 'bytes',
    consequence:
      'They are held in memory; past it reads and streams are refused with RESOURCE_EXHAUSTED and RetryInfo, downloads at 60 % of it (1 MiB each).',
  }),
  watchesMax: key(wholeNumber(1, 1_000_000).default(10_000), {
    meaning: 'Watches open at once.',
    unit: 'streams',
    consequence: 'Past it a watch is refused with RESOURCE_EXHAUSTED and RetryInfo.',
  }),
});

export const httpSection = z.strictObject({
  host: key(z.string().min(1).default('127.0.0.1'), {
    meaning: 'Address of the HTTP server for `/healthz`, `/readyz` and `/metrics`.',
    consequence: 'In a cluster it must be reachable for probes and scrapes.',
  }),
  port: key(port.default(8_080), {
    meaning: 'Port of the HTTP server.',
    consequence: '0 takes any free port and prints it.',
  }),
});
