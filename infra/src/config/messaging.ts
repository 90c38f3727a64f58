/** The NATS of an environment on Kubernetes: three servers from the chart, or one that somebody else runs. */
import { z } from 'zod';
import { dnsLabel, gibibytes, hostPort, mebibytes, milliCores } from './primitives.ts';

export const messagingSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('cluster'),
    namespace: dnsLabel.default('nats'),
    chartVersion: z
      .string()
      .regex(/^\d+\.\d+\.\d+$/)
      .default('2.14.2'),
    /** Of nats-server: the nodes refuse one before 2.14.5. */
    serverVersion: z
      .string()
      .regex(/^2\.(14\.([5-9]|[1-9]\d+)|(1[5-9]|[2-9]\d)\.\d+)$/, '2.14.5 or newer')
      .default('2.15.2'),
    servers: z.union([z.literal(1), z.literal(3), z.literal(5)]).default(3),
    /** The streams of work and events reserve 7 GiB of each server. */
    storageGb: gibibytes.min(8).default(50),
    storageClass: dnsLabel.optional(),
    cpuMilli: milliCores.default(2_000),
    memoryMb: mebibytes.default(8_192),
  }),
  z.strictObject({
    kind: z.literal('external'),
    servers: z.array(hostPort).min(1).max(20),
    replicas: z.union([z.literal(1), z.literal(3), z.literal(5)]).default(3),
    /** `sync_interval` of those servers. Absent: the 2 minutes of a server that was told none. */
    syncIntervalMs: z.number().int().min(0).max(120_000).optional(),
  }),
]);

/** `sync_interval` of every nats-server that is started here, and what its nodes are told of it (`nats.syncIntervalMs`). */
export const natsSyncIntervalMs = 10_000;
