/** The services that Troupe depends on: the store and NATS. */
import { z } from 'zod';
import { clientTls, key, path, port, token, wholeNumber } from './schema-key.ts';

const endpoint = z.string().regex(/^[^\s:]+(:\d{1,5})?$|^\[[0-9a-fA-F:]+\](:\d{1,5})?$/, 'must be host or host:port');
const natsUrl = z.string().regex(/^((nats|tls|ws|wss):\/\/)?[^\s/]+$/, 'must be host:port or nats://host:port');

export const storeSection = z.strictObject({
  kind: key(z.enum(['sqlite', 'cassandra']).default('sqlite'), {
    meaning: 'Where the state of jobs lives.',
    consequence: '`sqlite` is one file for one machine; `cassandra` is a ring that outlives any machine.',
  }),
  sqlite: z
    .strictObject({
      path: key(path.optional(), {
        meaning: 'The database file of the embedded store.',
        consequence: 'Must be on a local disk: network file systems do not keep its locks.',
        defaultNote: '`troupe.db` in `dataDir`',
      }),
    })
    .prefault({}),
  cassandra: z
    .strictObject({
      contactPoints: key(z.array(endpoint).min(1).default(['127.0.0.1:9042']), {
        meaning: 'Nodes of the ring to ask first.',
        consequence: 'One that answers is enough to start; name several so that any of them may be away.',
      }),
      localDataCenter: key(z.string().min(1).default('datacenter1'), {
        meaning: 'The data centre whose replicas answer.',
        consequence: 'Must be the one this process is in: every commit is a round of consensus among its replicas.',
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
        consequence: 'It needs to read and write the keyspace, and to create it and its tables if they are not there.',
        defaultNote: 'no login',
      }),
      passwordPath: key(path.optional(), {
        meaning: 'File with the password of `user`; white space at its end is left out.',
        consequence: 'Read when the process starts.',
        defaultNote: 'no login',
      }),
      tls: clientTls('the ring'),
      replication: key(z.record(z.string().min(1), wholeNumber(1, 9)).default({ datacenter1: 1 }), {
        meaning: 'Replicas in each data centre, used once, when the keyspace is created.',
        consequence: 'Below 3 the loss of one machine stops the cluster, and of its disk loses jobs.',
      }),
    })
    .prefault({}),
});

export const natsSection = z.strictObject({
  servers: key(z.array(natsUrl).default([]), {
    meaning: 'Servers of the NATS cluster.',
    consequence: 'Empty: `troupe dev` starts a nats-server of its own. Name several so that any of them may be away.',
    defaultNote: 'none',
  }),
  credsPath: key(path.optional(), {
    meaning: 'Credentials file (JWT and seed) of this process, as `nsc` writes it.',
    consequence: 'Read again at each connection, so that it may be exchanged while the process runs.',
    defaultNote: 'none',
  }),
  user: key(z.string().min(1).optional(), {
    meaning: 'User to log in as, with the password in `passwordPath`.',
    consequence: 'For servers without operator and accounts; else `credsPath`.',
    defaultNote: 'no login',
  }),
  passwordPath: key(path.optional(), {
    meaning: 'File with the password of `user`; white space at its end is left out.',
    consequence: 'Read again at each connection, so that it may be exchanged while the process runs.',
    defaultNote: 'no login',
  }),
  tls: clientTls('the NATS servers'),
  subjectRoot: key(token.default('troupe'), {
    meaning: 'First token of every subject, and prefix of every stream and bucket.',
    consequence: 'Two clusters on one NATS need two roots.',
  }),
  inboxPrefix: key(token.default('_INBOX'), {
    meaning: 'First token of the subjects on which this process gets its answers.',
    consequence:
      'With a login of its own a role can be kept from hearing the answers to others, by a prefix of its own.',
  }),
  port: key(port.default(4_222), {
    meaning: 'Port of the nats-server that `troupe dev` starts.',
    consequence: '4222 is where `nats sub` looks by itself; 0 takes any free port and prints it.',
  }),
  serverPath: key(path.optional(), {
    meaning: 'The nats-server binary that `troupe dev` starts. `TROUPE_NATS_SERVER` is read as well.',
    consequence: 'Absent: looked for on the PATH, in the cache, and fetched if it is nowhere.',
    defaultNote: 'found or fetched',
  }),
  replicas: key(z.union([z.literal(1), z.literal(3), z.literal(5)]).default(1), {
    meaning: 'Replicas of each stream and bucket, used when they are created.',
    consequence: '1 makes everything wait while its server is away (nothing is lost); 3 needs three servers.',
  }),
  syncIntervalMs: key(wholeNumber(0, 120_000).optional(), {
    meaning:
      'How often nats-server flushes its files; 0 is before it confirms. The one that `troupe dev` or `troupe backing nats` starts is told so; of any other it must be true (its `sync_interval`).',
    unit: 'ms',
    consequence:
      'What a power cut takes from NATS is told again by whoever owns the shards, who remembers it for as long, and so is the same time after a recovery. 0 costs most of the speed.',
    defaultNote: '`10000`; with `nats.servers` `120000`, as nats-server does if nothing is said',
  }),
});
