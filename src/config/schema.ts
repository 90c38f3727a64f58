/**
 * Everything that can be configured, as one schema. A key is a path (`gateway.port`); from it follow its place in the
 * file and the name of its environment variable (`TROUPE_GATEWAY_PORT`). Every key states its meaning, its unit and what
 * follows from changing it; `docs/reference/configuration.md` is made from that. Relations between keys: `relations.ts`.
 */
import { z } from 'zod';

export interface KeyNotes {
  readonly meaning: string;
  readonly unit?: string;
  /** What a larger or other value costs or gains. */
  readonly consequence: string;
  /** Shown in the reference in place of a computed or absent default. */
  readonly defaultNote?: string;
}

/** A leaf of the schema with its documentation. */
function key<T extends z.ZodType>(schema: T, notes: KeyNotes): T {
  return schema.meta({ notes });
}

const millis = (min: number, max: number) => z.number().int().min(min).max(max);
const count = (min: number, max: number) => z.number().int().min(min).max(max);
const port = z.number().int().min(0).max(65_535);
const token = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -');
const path = z.string().min(1);
const endpoint = z.string().regex(/^[^\s:]+(:\d{1,5})?$|^\[[0-9a-fA-F:]+\](:\d{1,5})?$/, 'must be host or host:port');
const natsUrl = z.string().regex(/^((nats|tls|ws|wss):\/\/)?[^\s/]+$/, 'must be host:port or nats://host:port');

export const roleNames = ['gateway', 'shards', 'workers'] as const;

const store = z.strictObject({
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
      replication: key(z.record(z.string().min(1), count(1, 9)).default({ datacenter1: 1 }), {
        meaning: 'Replicas in each data centre, used once, when the keyspace is created.',
        consequence: 'Below 3 the loss of one machine stops the cluster, and of its disk loses jobs.',
      }),
      username: key(z.string().min(1).optional(), {
        meaning: 'User for password authentication.',
        consequence: 'Absent: no authentication is attempted.',
      }),
      password: key(z.string().min(1).optional(), {
        meaning: 'Password of that user. Give it by the environment rather than in a file.',
        consequence: 'Never printed or logged.',
      }),
    })
    .prefault({}),
});

const nats = z.strictObject({
  servers: key(z.array(natsUrl).default([]), {
    meaning: 'Servers of the NATS cluster.',
    consequence: 'Empty: `troupe dev` starts a nats-server of its own. Name several so that any of them may be away.',
    defaultNote: 'none',
  }),
  subjectRoot: key(token.default('troupe'), {
    meaning: 'First token of every subject, and prefix of every stream and bucket.',
    consequence: 'Two clusters on one NATS need two roots.',
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
  syncIntervalMs: key(millis(0, 120_000).default(10_000), {
    meaning: 'How often the nats-server that `troupe dev` starts flushes its files; 0 is after every write.',
    unit: 'ms',
    consequence:
      'What a power cut takes from NATS is dispatched again from the store, so 0 buys little and costs much.',
  }),
});

const gateway = z.strictObject({
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
  reflection: key(z.boolean().default(false), {
    meaning: 'Serves gRPC reflection, so that clients need no generated code.',
    consequence: 'Shows the contract to everyone who reaches the port. `troupe dev` turns it on.',
  }),
  payloadMaxBytes: key(count(1_024, 512 * 1_048_576).default(16 * 1_048_576), {
    meaning: 'Largest input or output of a job.',
    unit: 'bytes',
    consequence: 'Larger is refused with PAYLOAD_TOO_LARGE. Each call in flight may hold this much memory.',
  }),
  jobsInFlightMax: key(count(1, 1_000_000).default(20_000), {
    meaning: 'Jobs of submits that are not answered yet.',
    unit: 'jobs',
    consequence: 'Past it submits are refused with RESOURCE_EXHAUSTED and RetryInfo.',
  }),
  bytesInFlightMax: key(count(1_048_576, 64 * 1_073_741_824).default(128 * 1_048_576), {
    meaning: 'Inputs of those jobs, together.',
    unit: 'bytes',
    consequence: 'They are held in memory; past it submits are refused with RESOURCE_EXHAUSTED and RetryInfo.',
  }),
  watchesMax: key(count(1, 1_000_000).default(10_000), {
    meaning: 'Watches open at once.',
    unit: 'streams',
    consequence: 'Past it a watch is refused with RESOURCE_EXHAUSTED and RetryInfo.',
  }),
});

const http = z.strictObject({
  host: key(z.string().min(1).default('127.0.0.1'), {
    meaning: 'Address of the HTTP server for `/healthz`, `/readyz` and `/metrics`.',
    consequence: 'In a cluster it must be reachable for probes and scrapes.',
  }),
  port: key(port.default(8_080), {
    meaning: 'Port of the HTTP server.',
    consequence: '0 takes any free port and prints it.',
  }),
});

/** Same as `commitGroupMax` of the store port; a test holds them together. */
const groupRecordsLimit = 500;

const shards = z.strictObject({
  count: key(count(1, 4_096).default(64), {
    meaning: 'Shards of the cluster, fixed when it is created and checked when a node joins.',
    unit: 'shards',
    consequence: 'The most nodes that can share the work of deciding; many idle shards make small commits.',
  }),
  leaseTtlMs: key(millis(1_000, 60_000).default(6_000), {
    meaning: 'How long a shard stays with an owner that no longer renews its lease.',
    unit: 'ms',
    consequence: 'Shorter: a dead owner is replaced sooner. Longer: a slow network costs no ownership.',
  }),
  leaseRenewalMs: key(millis(200, 30_000).default(2_000), {
    meaning: 'How often an owner renews its leases.',
    unit: 'ms',
    consequence: 'Must fit more than twice into `leaseTtlMs`, so that one lost renewal costs nothing.',
  }),
  backlogMax: key(count(1, 10_000_000).default(200_000), {
    meaning: 'Unfinished jobs that one shard may hold.',
    unit: 'jobs',
    consequence: 'They are held in memory, about 1 KiB each; past it submits are refused with BACKLOG_FULL.',
  }),
  runLostAfterMs: key(millis(500, 120_000).default(10_000), {
    meaning: 'A run whose node was not heard for so long is taken for lost, and its job runs again.',
    unit: 'ms',
    consequence: 'Shorter: a dead node costs less time. Longer: a node that only stalls does not run its jobs twice.',
  }),
  groupMaxRecords: key(count(1, groupRecordsLimit).default(groupRecordsLimit), {
    meaning: 'Records in one group commit.',
    unit: 'records',
    consequence: 'Larger groups carry more per commit and make everyone in them wait longer.',
  }),
});

const workers = z.strictObject({
  cells: key(count(1, 64).default(1), {
    meaning: 'Processes that the threads of this node are spread over.',
    unit: 'processes',
    consequence: 'A handler that kills its process takes the runs beside it along; each process costs about 50 MiB.',
  }),
  heartbeatMs: key(millis(100, 30_000).default(2_000), {
    meaning: 'How often this node tells the shards which runs it holds.',
    unit: 'ms',
    consequence: 'Must fit more than twice into `shards.runLostAfterMs`.',
  }),
  threads: key(count(0, 1_024).default(0), {
    meaning: 'Worker threads of this node; 0 is one for each core.',
    unit: 'threads',
    consequence: 'More than cores only helps handlers that wait.',
    defaultNote: '0: all cores',
  }),
  handlerDirs: key(z.array(path).default([]), {
    meaning: 'Folders whose modules define handlers.',
    consequence: 'Loaded in threads only. A module that does not load is logged, and the others are served.',
    defaultNote: 'none',
  }),
  lookaheadMs: key(millis(0, 1_000).default(50), {
    meaning: 'Work fetched ahead of a free thread, measured in expected run time.',
    unit: 'ms',
    consequence: 'Keeps threads fed when jobs are short; more of it keeps jobs from other nodes that are free.',
  }),
  memoryMb: key(count(32, 65_536).default(512), {
    meaning: 'Heap of one thread, unless the handler states its own.',
    unit: 'MiB',
    consequence: 'A handler that needs more ends with OUT_OF_MEMORY. Plan `threads` times this.',
  }),
  cancelGraceMs: key(millis(0, 300_000).default(1_000), {
    meaning: 'From the signal to stop until the thread is terminated.',
    unit: 'ms',
    consequence: 'Handlers use it to tidy up; a loop that does not look costs its thread after it.',
  }),
});

const limits = z.strictObject({
  payloadInlineMaxBytes: key(count(0, 65_536).default(1_024), {
    meaning: 'Payloads up to this lie in the record of the job; larger ones are stored first and referred to.',
    unit: 'bytes',
    consequence: 'Larger records make every commit of the job larger.',
  }),
  batchMaxJobs: key(count(1, 1_000).default(1_000), {
    meaning: 'Jobs in one SubmitJobs call.',
    unit: 'jobs',
    consequence: 'A call past it is refused as a whole.',
  }),
  executionTimeoutMinMs: key(millis(1, 3_600_000).default(100), {
    meaning: 'Shortest execution timeout a job or queue may ask for.',
    unit: 'ms',
    consequence: 'Shorter ones are refused: starting and stopping a thread would dominate.',
  }),
  executionTimeoutMaxMs: key(millis(1_000, 30 * 86_400_000).default(86_400_000), {
    meaning: 'Longest execution timeout a job or queue may ask for.',
    unit: 'ms',
    consequence: 'An endless loop holds its thread this long at most.',
  }),
  retentionMaxMs: key(millis(60_000, 365 * 86_400_000).default(30 * 86_400_000), {
    meaning: 'Longest time that a record may be kept after its creation.',
    unit: 'ms',
    consequence: 'Disk: about 1 KiB a job, and its payloads.',
  }),
});

const shutdown = z.strictObject({
  graceMs: key(millis(0, 3_600_000).default(20_000), {
    meaning: 'From the first SIGTERM or Ctrl-C until runs are cut off and handed to other nodes.',
    unit: 'ms',
    consequence: 'Give the supervisor of the process (Kubernetes: terminationGracePeriodSeconds) a few seconds more.',
  }),
});

const log = z.strictObject({
  level: key(z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'), {
    meaning: 'Least level that is written.',
    consequence: '`debug` writes a line per message and costs throughput.',
  }),
  pretty: key(z.boolean().default(false), {
    meaning: 'Lines for people instead of JSON for machines.',
    consequence: 'Slower; for a terminal. `troupe dev` turns it on there.',
  }),
});

export const configSchema = z.strictObject({
  roles: key(
    z
      .array(z.enum(roleNames))
      .min(1)
      .default([...roleNames]),
    {
      meaning: 'What this process does.',
      consequence: '`gateway` serves gRPC, `shards` decides about jobs, `workers` runs them.',
    },
  ),
  nodeId: key(token.optional(), {
    meaning: 'Name of this process in the cluster; must be unique and should survive a restart.',
    consequence: 'A node that comes back under its name takes its leases over at once.',
    defaultNote: 'from the host name and `gateway.port`',
  }),
  dataDir: key(path.default('.troupe'), {
    meaning: 'Folder for what this process keeps on disk: the embedded store, the files of its nats-server, downloads.',
    consequence: 'Losing it loses the jobs of the embedded store.',
  }),
  store: store.prefault({}),
  nats: nats.prefault({}),
  gateway: gateway.prefault({}),
  http: http.prefault({}),
  shards: shards.prefault({}),
  workers: workers.prefault({}),
  limits: limits.prefault({}),
  shutdown: shutdown.prefault({}),
  log: log.prefault({}),
});

type DeepReadonly<T> = T extends (infer U)[]
  ? readonly DeepReadonly<U>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

export type Config = DeepReadonly<z.output<typeof configSchema>>;
/** Any part of a configuration, as a file or a preset gives it. */
export type ConfigInput = z.input<typeof configSchema>;
