/** The Cassandra of a Kubernetes environment: a K8ssandraCluster, or a ring that is run elsewhere. */
import { z } from 'zod';
import { wordRecord } from '../../../src/contract/word-record.ts';
import { dnsLabel, gibibytes, hostPort, mebibytes, milliCores } from './primitives.ts';

const keyspace = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,47}$/, 'a keyspace: lower-case letters, digits and _')
  .default('troupe');

/** How the pods log in to the ring (docs/operating/store-logins.md). */
const logins = {
  /**
   * `shared`: all with one login, which may change the schema. `component`: gateways, shard nodes and workers each with one of
   * their own, which the Job of the schema makes, and which has only the rights that it needs.
   */
  logins: z.enum(['shared', 'component']).default('shared'),
  /** Raise it to have the Job set the passwords again that the Secrets hold. Only with `component`. */
  loginsRotation: z.int().min(0).max(1_000_000).default(0),
};

const k8ssandra = z
  .strictObject({
    kind: z.literal('k8ssandra'),
    namespace: dnsLabel.default('cassandra'),
    clusterName: dnsLabel.default('troupe'),
    dataCenter: dnsLabel,
    serverVersion: z
      .string()
      .regex(/^5\.(0\.([7-9]|[1-9]\d+)|[1-9]\d*\.\d+)$/, 'Cassandra 5.0.7 or newer: older ones have known CVEs')
      .default('5.0.9'),
    nodes: z.int().min(1).max(1_000).default(3),
    racks: z
      .array(z.strictObject({ name: dnsLabel, zone: z.string().min(1) }))
      .max(10)
      .default([]),
    storageGb: gibibytes.default(500),
    storageClass: dnsLabel.optional(),
    cpuMilli: milliCores.default(4_000),
    memoryMb: mebibytes.default(16_384),
    heapMb: mebibytes.default(8_192),
    keyspace,
    replication: z.int().min(1).max(7).default(3),
    ...logins,
    backup: z
      .strictObject({
        bucket: z.string().min(3).max(63),
        region: z.string().min(1),
        /**
         * A Secret with the credentials of the bucket, in Medusa's format. If absent, Medusa uses the role of its pods,
         * which config/aws.ts creates.
         */
        secret: dnsLabel.optional(),
        /**
         * A Secret with which Medusa logs in to Cassandra over TLS: `rootca.crt`, `client.crt_signed`, `client.key`.
         */
        clientCertificates: dnsLabel.default('medusa-client-certificates'),
        schedule: z
          .string()
          .regex(/^(\S+ ){4}\S+$/, 'a cron schedule with five fields, such as 0 3 * * *')
          .default('0 3 * * *'),
        keepDays: z.int().min(1).max(3_650).default(14),
      })
      .optional(),
  })
  .refine(({ nodes, replication }) => replication <= nodes, { message: 'is at most `nodes`', path: ['replication'] })
  .refine(({ heapMb, memoryMb }) => heapMb <= memoryMb / 2, {
    message: 'is at most half of `memoryMb`, because the rest caches the files that Cassandra reads',
    path: ['heapMb'],
  });

export const dataSchema = z.discriminatedUnion('kind', [
  k8ssandra,
  z.strictObject({
    kind: z.literal('external'),
    contactPoints: z.array(hostPort).min(1).max(20),
    localDataCenter: z.string().min(1),
    keyspace,
    replication: wordRecord(z.string().min(1), z.int().min(1).max(9)),
    ...logins,
  }),
]);

export type DataConfig = z.infer<typeof dataSchema>;
