/** The NATS of a Kubernetes environment: servers from the chart, or servers that are run elsewhere. */
import { z } from 'zod';
import { peer } from './network.ts';
import { dnsLabel, gibibytes, hostPort, mebibytes, milliCores } from './primitives.ts';

/** `nats.eventStreams` of the nodes. It may only grow: apply the stack of messaging before that of the nodes. */
const eventStreams = z.int().min(1).max(32).default(1);

/** WORK and the buckets reserve 3 GiB of a server's disk, each stream of events 4. JetStream gets nine tenths of it. */
const reservedGb = (streams: number): number => Math.ceil((3 + 4 * streams) / 0.9);

/** The public part of an nkey. */
const publicKey = (letter: string) =>
  z
    .string()
    .regex(new RegExp(`^${letter}[A-Z2-7]{55}$`), `the public part (${letter}…) of an nkey; its seed is a secret`);

/** Programs outside Troupe that follow events of jobs on NATS. Gateways let them in, with the credentials of Troupe. */
const followers = z.strictObject({
  /** Of the account key that signs logins: `nk -gen account -pubout`. Its seed is in the Secret of the gateways. */
  issuer: publicKey('A'),
  /** Of the key for which servers seal what followers show: `nk -gen curve -pubout`. */
  sealing: publicKey('X'),
  /** Who reaches the servers. Each needs a client certificate of the same authority as well. */
  peers: z.array(peer).min(1).max(50),
});

const cluster = z
  .strictObject({
    kind: z.literal('cluster'),
    namespace: dnsLabel.default('nats'),
    chartVersion: z
      .string()
      .regex(/^\d+\.\d+\.\d+$/)
      .default('2.14.2'),
    /** Version of nats-server. Nodes refuse servers older than 2.14.5. */
    serverVersion: z
      .string()
      .regex(/^2\.(14\.([5-9]|[1-9]\d+)|(1[5-9]|[2-9]\d)\.\d+)$/, '2.14.5 or newer')
      .default('2.15.2'),
    servers: z.union([z.literal(1), z.literal(3), z.literal(5)]).default(3),
    /** Disk per server. The WORK and EVENTS streams reserve 7 GiB of it, and 4 more for each further EVENTS stream. */
    storageGb: gibibytes.min(8).default(50),
    eventStreams,
    /** If absent, nothing but Troupe reaches the servers. */
    followers: followers.optional(),
    storageClass: dnsLabel.optional(),
    cpuMilli: milliCores.default(2_000),
    memoryMb: mebibytes.default(8_192),
  })
  .refine((messaging) => messaging.storageGb >= reservedGb(messaging.eventStreams), {
    message: 'has room for the streams: 3 GiB and 4 for each of `eventStreams`, in nine tenths of the disk',
    path: ['storageGb'],
  });

export const messagingSchema = z.discriminatedUnion('kind', [
  cluster,
  z.strictObject({
    kind: z.literal('external'),
    servers: z.array(hostPort).min(1).max(20),
    replicas: z.union([z.literal(1), z.literal(3), z.literal(5)]).default(3),
    /** The `sync_interval` of these servers. If absent, we assume 2 minutes, the default of nats-server. */
    syncIntervalMs: z.number().int().min(0).max(120_000).optional(),
    eventStreams,
  }),
]);

export function hasFollowers(messaging: z.infer<typeof messagingSchema>): boolean {
  return messaging.kind === 'cluster' && messaging.followers !== undefined;
}

/** `sync_interval` of every nats-server that we start. Its nodes get the same value (`nats.syncIntervalMs`). */
export const natsSyncIntervalMs = 10_000;
