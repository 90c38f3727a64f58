/** Where KEDA asks how many workers are wanted. */
import { z } from 'zod';
import { key, path, port } from './schema-key.ts';

export const scalerSection = z.strictObject({
  enabled: key(z.boolean().default(false), {
    meaning: "Answers KEDA's external scaler protocol; in processes with the role `gateway`.",
    consequence: 'Each KEDA that asks makes this process ask all shards, at most once a second.',
  }),
  host: key(z.string().min(1).default('127.0.0.1'), {
    meaning: 'Address the scaler listens on.',
    consequence: 'Anything but loopback needs `scaler.tls`, or `scaler.insecure` to say that it is meant.',
  }),
  port: key(port.default(50_061), {
    meaning: 'Port of the scaler: its own, so that it can be closed to everyone but KEDA.',
    consequence: '0 takes any free port and prints it.',
  }),
  tls: z
    .strictObject({
      certPath: key(path.optional(), {
        meaning: 'PEM file with the certificate chain of the scaler.',
        consequence: 'With `keyPath` it turns TLS on.',
        defaultNote: 'no TLS',
      }),
      keyPath: key(path.optional(), {
        meaning: 'PEM file with the private key of that certificate.',
        consequence: 'Readable by this process only, please.',
        defaultNote: 'none',
      }),
      clientCaPath: key(path.optional(), {
        meaning: 'PEM file with the authorities that vouch for KEDA.',
        consequence: 'Who shows no certificate of theirs is not served.',
        defaultNote: 'callers need no certificate',
      }),
    })
    .prefault({}),
  insecure: key(z.boolean().default(false), {
    meaning: 'Allows an address other than loopback without TLS.',
    consequence: 'Everyone who reaches the port can read how many jobs wait and run; nobody can change anything.',
  }),
});
