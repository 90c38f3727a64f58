/**
 * What each role may say and hear on NATS, no more than its code needs (test/integration/nats-accounts.test.ts runs a
 * cluster on it). Handlers share a container with the login of the workers, so that one may least: it can report on runs
 * and announce itself, but neither submit, nor decide anything about a job, nor tell others what happened to one.
 *
 * Pods of one role share a login. So a worker hears what other workers are answered, and what nodes are asked.
 */
import { type NatsRole, natsRoles, natsUser } from './names.ts';

/** `nats.subjectRoot` of the nodes. */
const root = 'troupe';
const work = `${root.toUpperCase()}_WORK`;
const events = `${root.toUpperCase()}_EVENTS`;
const buckets = ['nodes', 'leases', 'config'].map((name) => `${root}_${name}`);

/** `nats.inboxPrefix` of the nodes of a role: nobody else may listen there. */
export function natsInboxPrefix(role: NatsRole): string {
  return `_INBOX_${natsUser(role)}`;
}

/** The variable of the server's environment that has the password of a role. */
export function natsPasswordVariable(role: NatsRole): string {
  return `TROUPE_${role.toUpperCase()}_PASSWORD`;
}

export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export function natsPermissions(role: NatsRole): NatsPermissions {
  return {
    publish: [...publishedByAll, ...publishedBy[role]],
    subscribe: [...heardByAll, `${natsInboxPrefix(role)}.>`, ...heardBy[role]],
  };
}

/**
 * Streams and buckets are made by whoever comes first, and again by whoever notices that NATS lost them. Nobody may
 * change, empty or delete one.
 */
const publishedByAll = [
  ...[work, events, ...buckets.map((bucket) => `KV_${bucket}`)].flatMap((stream) => [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.CREATE.${stream}`,
  ]),
  // The consumer of a queue is made by whoever needs it first.
  `$JS.API.CONSUMER.CREATE.${work}.>`,
  `$JS.API.CONSUMER.INFO.${work}.*`,
  ...buckets.flatMap((bucket) => readingOf(`KV_${bucket}`)),
  `$KV.${root}_nodes.>`,
  `$KV.${root}_config.queue.>`,
  `$KV.${root}_config.quarantine.>`,
];

/** A watch of a bucket is a consumer that its server deletes with it. */
function readingOf(stream: string): readonly string[] {
  return [
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
    `$JS.FC.${stream}.>`,
  ];
}

const heardByAll = [
  // Requests to this node, and the questions of stock tools.
  `${root}.node.*.*`,
  ...['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.>`]),
];

/** Whoever publishes looks whether what was confirmed is still there. */
const ownWork = `$JS.API.STREAM.MSG.GET.${work}`;
const ownEvents = `$JS.API.STREAM.MSG.GET.${events}`;

const workSubjects = `${root}.work.*.*.*`;
/** Both layouts of the reply subject of a delivery. */
const acknowledgements = [`$JS.ACK.${work}.>`, `$JS.ACK.*.*.${work}.>`];

function shardVerbs(...verbs: readonly string[]): readonly string[] {
  return verbs.map((verb) => `${root}.shard.*.${verb}`);
}

const publishedBy: Record<NatsRole, readonly string[]> = {
  gateway: [
    ...shardVerbs('submit', 'get', 'cancel', 'erase', 'reschedule', 'read-log', 'queueStats', 'place', 'load'),
    ...shardVerbs('closeQueue', 'openQueue'),
    // The consumer of a queue goes with its queue.
    `$JS.API.CONSUMER.DELETE.${work}.*`,
    `${root}.node.*.*`,
    `$JS.API.DIRECT.GET.${events}`,
  ],
  shards: [
    ...shardVerbs('allot', 'limitUse'),
    `${root}.node.*.stop`,
    workSubjects,
    `${root}.events.*.*.*.*`,
    ...[ownWork, ownEvents],
    ...acknowledgements,
    `$KV.${root}_leases.>`,
  ],
  workers: [
    ...shardVerbs('claim', 'heartbeat', 'complete', 'checkpoint', 'log'),
    `$JS.API.CONSUMER.MSG.NEXT.${work}.*`,
    // A job that needs a handler which is not here goes to the route of that need.
    ...[workSubjects, ownWork],
    ...acknowledgements,
    `${root}.progress.*.*.*`,
    `${root}.logs.*.*.*`,
    `$KV.${root}_config.handler.>`,
  ],
};

const heardBy: Record<NatsRole, readonly string[]> = {
  gateway: [`${root}.events.*.*.*.*`, `${root}.progress.*.*.*`, `${root}.logs.*.*.*`],
  shards: [`${root}.shard.*.*`],
  workers: [],
};

/**
 * `accounts` of the server's configuration: one account, a user for each role. The chart takes the quotes off what stands
 * between `<<` and `>>`, so that the server reads the passwords from its environment.
 */
export function natsAccounts() {
  return {
    TROUPE: {
      jetstream: 'enabled',
      users: natsRoles.map((role) => {
        const { publish, subscribe } = natsPermissions(role);
        return {
          user: natsUser(role),
          password: `<< $${natsPasswordVariable(role)} >>`,
          // An answer goes wherever the question wanted it, once.
          permissions: { publish: { allow: publish }, subscribe: { allow: subscribe }, allow_responses: true },
        };
      }),
    },
  };
}
