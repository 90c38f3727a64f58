/** The services that Troupe depends on: the store and NATS. */
import { z } from 'zod';
import { wordRecord } from '../contract/word-record.ts';
import { storeComponents } from '../domain/store-component.ts';
import { clientTls, key, path, port, token, wholeNumber } from './schema-key.ts';

const endpoint = z.string().regex(/^[^\s:]+(:\d{1,5})?$|^\[[0-9a-fA-F:]+\](:\d{1,5})?$/, 'must be host or host:port');
const natsUrl = z.string().regex(/^((nats|tls|ws|wss):\/\/)?[^\s/]+$/, 'must be host:port or nats://host:port');

const ringLogin = z.strictObject({
  user: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 of A-Z a-z 0-9 . _ -'),
  components: z
    .array(z.enum(storeComponents))
    .min(1)
    .refine((all) => new Set(all).size === all.length, 'must name each component once'),
  passwordPath: path,
});

const ringLoginsMax = 64;

export const storeSection = z.strictObject({
  kind: key(z.enum(['sqlite', 'cassandra']).default('sqlite'), {
    meaning: 'Where the state of jobs is stored.',
    consequence: '`sqlite` is one file on one machine. `cassandra` is a ring that survives the loss of a machine.',
  }),
  sqlite: z
    .strictObject({
      path: key(path.optional(), {
        meaning: 'The database file of the embedded store.',
        consequence: 'Must be on a local disk, because network file systems do not keep its locks.',
        defaultNote: '`troupe.db` in `dataDir`',
      }),
      silenceMaxMs: key(wholeNumber(10_000, 3_600_000).default(30_000), {
        meaning: 'Longest time for which the disk under the database file may leave a write without an end.',
        unit: 'ms',
        consequence:
          'Past it the process ends with 70, because it cannot say what was written. A shorter time ends it on a disk that is only slow.',
      }),
    })
    .prefault({}),
  cassandra: z
    .strictObject({
      contactPoints: key(z.array(endpoint).min(1).default(['127.0.0.1:9042']), {
        meaning: 'Nodes of the ring to connect to first.',
        consequence: 'One that answers is enough to start. Name several so that any of them may be away.',
      }),
      localDataCenter: key(z.string().min(1).default('datacenter1'), {
        meaning: 'The data centre whose replicas serve this process.',
        consequence:
          'Must be the one that this process is in, because every commit is a round of consensus among its replicas.',
      }),
      keyspace: key(
        z
          .string()
          .regex(/^[a-z][a-z0-9_]{0,47}$/, 'must be 1 to 48 of a-z 0-9 _')
          .default('troupe'),
        {
          meaning: 'The keyspace that holds all tables.',
          consequence: 'Two clusters on one ring need two keyspaces.',
        },
      ),
      user: key(z.string().min(1).optional(), {
        meaning: 'Role to log in as, with the password in `passwordPath`.',
        consequence:
          'It must have the rights of the roles of this process, which `troupe migrate` grants (`logins`). The login of `troupe migrate` itself must be able to create the keyspace, tables and roles.',
        defaultNote: 'no login',
      }),
      passwordPath: key(path.optional(), {
        meaning: 'File with the password of `user`. White space at its end is ignored.',
        consequence: 'Read at each connection, so you may replace it while the process runs.',
        defaultNote: 'no login',
      }),
      logins: key(
        z
          .array(ringLogin)
          .max(ringLoginsMax)
          .refine((all) => new Set(all.map(({ user }) => user)).size === all.length, 'must have different users')
          .default([]),
        {
          meaning:
            'Logins that `troupe migrate` makes in the ring, with the rights of `components` (gateway, shards, workers, auditor): `user`, `components`, `passwordPath`. Other commands ignore it.',
          consequence:
            'With them no process but `troupe migrate` needs to be able to change the schema. Each process then logs in as one of them. At most 64.',
          defaultNote: 'none: `troupe migrate` makes no logins',
        },
      ),
      tls: clientTls('the ring'),
      replication: key(wordRecord(z.string().min(1), wholeNumber(1, 9)).default({ datacenter1: 1 }), {
        meaning: 'Replicas in each data centre. Used only when the keyspace is created.',
        consequence: 'Below 3, the loss of one machine stops the cluster, and the loss of its disk loses jobs.',
      }),
    })
    .prefault({}),
});

export const natsSection = z.strictObject({
  servers: key(z.array(natsUrl).default([]), {
    meaning: 'Servers of the NATS cluster.',
    consequence:
      'If it is empty, `troupe dev` starts its own nats-server. Name several so that any of them may be away.',
    defaultNote: 'none',
  }),
  credsPath: key(path.optional(), {
    meaning: 'Credentials file (JWT and seed) of this process, in the format of `nsc`.',
    consequence: 'Read at each connection, so you may replace it while the process runs.',
    defaultNote: 'none',
  }),
  user: key(z.string().min(1).optional(), {
    meaning: 'User to log in as, with the password in `passwordPath`.',
    consequence: 'Use it for servers without operator and accounts, otherwise `credsPath`.',
    defaultNote: 'no login',
  }),
  passwordPath: key(path.optional(), {
    meaning: 'File with the password of `user`. White space at its end is ignored.',
    consequence: 'Read at each connection, so you may replace it while the process runs.',
    defaultNote: 'no login',
  }),
  tls: clientTls('the NATS servers'),
  subjectRoot: key(token.default('troupe'), {
    meaning: 'First token of every subject, and prefix of every stream and bucket.',
    consequence: 'Two clusters on one NATS need two roots.',
  }),
  inboxPrefix: key(token.default('_INBOX'), {
    meaning: 'First token of the subjects on which this process receives answers.',
    consequence: 'A separate prefix, with a separate login, keeps a role from receiving the answers to others.',
  }),
  port: key(port.default(4_222), {
    meaning: 'Port of the nats-server that `troupe dev` starts.',
    consequence: '`nats sub` uses 4222 by default. 0 takes any free port and prints it.',
  }),
  serverPath: key(path.optional(), {
    meaning: 'The nats-server binary that `troupe dev` starts. `TROUPE_NATS_SERVER` sets it as well.',
    consequence: 'Without it Troupe looks on the PATH and in the cache, and fetches the binary if it finds none.',
    defaultNote: 'found or fetched',
  }),
  replicas: key(z.union([z.literal(1), z.literal(3), z.literal(5)]).default(1), {
    meaning: 'Replicas of each stream and bucket. Used only when they are created.',
    consequence: 'With 1, everything waits while its server is away (nothing is lost). 3 needs three servers.',
  }),
  eventStreams: key(wholeNumber(1, 32).default(1), {
    meaning: 'Streams among which the events of jobs are divided by their queue. The same for all processes.',
    consequence:
      'One stream takes the events of some 10,000 jobs/s. Each takes up to 4 GiB of disk. The number may only grow: gateways first, then shards. Durable subscribers need a consumer on each.',
  }),
  followers: z
    .strictObject({
      signingSeedPath: key(path.optional(), {
        meaning:
          'File with the seed (`SA…`) of the key whose public part the servers have as `auth_callout.issuer`. Together with the next three it lets followers log in to NATS with their credentials.',
        consequence: 'Whoever has it can make any login. Only gateways need it. Read at each login.',
        defaultNote: 'no logins for followers',
      }),
      sealingSeedPath: key(path.optional(), {
        meaning: 'File with the seed (`SX…`) of the key whose public part the servers have as `auth_callout.xkey`.',
        consequence: 'Whoever has it can read the credentials of followers on NATS. Read at each login.',
        defaultNote: 'no logins for followers',
      }),
      systemUser: key(z.string().min(1).optional(), {
        meaning: 'User of the system account that may list and end the connections of followers.',
        consequence: 'With it a gateway ends them when their credential is taken back.',
        defaultNote: 'no logins for followers',
      }),
      systemPasswordPath: key(path.optional(), {
        meaning: 'File with the password of `systemUser`. White space at its end is ignored.',
        consequence: 'Read at each connection.',
        defaultNote: 'no logins for followers',
      }),
      servers: key(z.array(natsUrl).max(20).default([]), {
        meaning: 'Addresses of NATS that followers are told.',
        consequence: 'Without them, they have to know where NATS is.',
        defaultNote: 'none',
      }),
    })
    .prefault({}),
  syncIntervalMs: key(wholeNumber(0, 120_000).optional(), {
    meaning:
      'How often nats-server syncs its files; 0 means before it confirms. Troupe sets it on the server that `troupe dev` or `troupe backing nats` starts. For any other server, state the real value (its `sync_interval`).',
    unit: 'ms',
    consequence:
      'The owner of a shard publishes again what a power cut takes from NATS. So it remembers that much, and publishes as much again after a recovery. 0 costs most of the throughput.',
    defaultNote: '`10000`; with `nats.servers` `120000`, the default of nats-server',
  }),
});
