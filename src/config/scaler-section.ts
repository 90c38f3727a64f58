/** Where KEDA asks how many slots are wanted. */
import { z } from 'zod';
import { key, path, port } from './schema-key.ts';

export const scalerSection = z.strictObject({
  enabled: key(z.boolean().default(false), {
    meaning: "Serves KEDA's external scaler protocol, in processes with the role `gateway`.",
    consequence: 'When KEDA asks, this process asks all shards, at most once a second.',
  }),
  host: key(z.string().min(1).default('127.0.0.1'), {
    meaning: 'Address the scaler listens on.',
    consequence:
      'Any address but loopback needs `scaler.tls`, or `scaler.insecure` to confirm that plain text is intended.',
  }),
  port: key(port.default(50_061), {
    meaning: 'Port of the scaler. It is separate, so that the network can close it to everyone but KEDA.',
    consequence: '0 takes any free port and prints it.',
  }),
  tls: z
    .strictObject({
      certPath: key(path.optional(), {
        meaning: 'PEM file with the certificate chain of the scaler.',
        consequence: 'Together with `keyPath` it turns TLS on.',
        defaultNote: 'no TLS',
      }),
      keyPath: key(path.optional(), {
        meaning: 'PEM file with the private key of that certificate.',
        consequence: 'Let only this process read it.',
        defaultNote: 'none',
      }),
      clientCaPath: key(path.optional(), {
        meaning: 'PEM file with the certificate authorities of KEDA.',
        consequence: 'A caller without a certificate of theirs is refused.',
        defaultNote: 'callers need no certificate',
      }),
    })
    .prefault({}),
  insecure: key(z.boolean().default(false), {
    meaning: 'Allows an address other than loopback without TLS.',
    consequence: 'Everyone who reaches the port can read how many jobs wait and run. Nobody can change anything.',
  }),
});
