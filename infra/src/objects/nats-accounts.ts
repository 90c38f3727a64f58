/**
 * Permissions of each role on NATS: only what its code needs (test/integration/nats-accounts.test.ts runs a cluster
 * with them). Handlers share a container with the login of the workers, so that login has the fewest permissions. It
 * can report on attempts and announce its node. It cannot submit jobs, decide anything about a job, or publish its
 * events.
 *
 * Limitations: pods of one role share a login. So a worker can read the answers to other workers and the requests to
 * nodes. And JetStream delivers a message to whatever subject a request for it names: a worker can so have a message of work
 * published elsewhere in this account. Followers of events are in another account for that reason.
 */
import { ackSubjects } from '../../../src/contract/event-follower.ts';
import { type NatsRole, natsRoles, natsUser } from './names.ts';
import { clusterAccount, followerConfiguration, type FollowerLoginKeys } from './nats-followers.ts';

/** `nats.subjectRoot` of the nodes. */
const root = 'troupe';
const work = `${root.toUpperCase()}_WORK`;
/** All streams of events, as the nodes name them. */
const eventsStreams = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `${root.toUpperCase()}_EVENTS${n === 0 ? '' : `_${n}`}`);
const buckets = ['nodes', 'leases', 'config'].map((name) => `${root}_${name}`);

/** `nats.inboxPrefix` of a role's nodes. Other roles may not subscribe there. */
export function natsInboxPrefix(role: NatsRole): string {
  return `_INBOX_${natsUser(role)}`;
}

/** Variable of the server's environment with the password of a role. */
export function natsPasswordVariable(role: NatsRole): string {
  return `TROUPE_${role.toUpperCase()}_PASSWORD`;
}

export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** `eventStreams` is `nats.eventStreams` of the nodes. */
export function natsPermissions(role: NatsRole, eventStreams: number): NatsPermissions {
  const events = eventsStreams(eventStreams);
  return {
    publish: [...publishedByAll(events), ...publishedBy(events)[role]],
    subscribe: [...heardByAll, `${natsInboxPrefix(role)}.>`, ...heardBy[role]],
  };
}

/**
 * Any role may create streams and buckets: at the first start, and again after NATS has lost them. No role may change,
 * purge or delete one.
 */
const publishedByAll = (events: readonly string[]): readonly string[] => [
  ...[work, ...events, ...buckets.map((bucket) => `KV_${bucket}`)].flatMap((stream) => [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.CREATE.${stream}`,
  ]),
  // Whichever node needs the consumer of a queue first creates it.
  `$JS.API.CONSUMER.CREATE.${work}.>`,
  `$JS.API.CONSUMER.INFO.${work}.*`,
  ...buckets.flatMap((bucket) => readingOf(`KV_${bucket}`)),
  `$KV.${root}_nodes.>`,
  `$KV.${root}_config.queue.>`,
  `$KV.${root}_config.quarantine.>`,
];

/** Permissions to read and watch a bucket. A watch is a consumer, and the server deletes it when the watch ends. */
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
  // Requests to this node, and the requests of NATS tools.
  `${root}.node.*.*`,
  ...['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.>`]),
];

/** Roles that publish check whether confirmed messages still exist. */
const ownWork = `$JS.API.STREAM.MSG.GET.${work}`;
const ownEvents = (events: readonly string[]): readonly string[] =>
  events.map((stream) => `$JS.API.STREAM.MSG.GET.${stream}`);

/** The first stream of events takes its messages from the subjects of live subscribers, the others from their own. */
const eventInlets = (events: readonly string[]): readonly string[] =>
  events.map((_, n) => (n === 0 ? `${root}.events.*.*.*.*` : `${root}.kept.${n}.*.*.*`));

const workSubjects = `${root}.work.*.*.*`;
const acknowledgements = ackSubjects(work, '*');

function shardVerbs(...verbs: readonly string[]): readonly string[] {
  return verbs.map((verb) => `${root}.shard.*.${verb}`);
}

const publishedBy = (events: readonly string[]): Record<NatsRole, readonly string[]> => ({
  gateway: [
    ...shardVerbs('submit', 'get', 'cancel', 'erase', 'reschedule', 'readLog', 'queueStats', 'place', 'load', 'survey'),
    ...shardVerbs('closeQueue', 'openQueue', 'tenantStats'),
    // The consumer of a queue is deleted with the queue.
    `$JS.API.CONSUMER.DELETE.${work}.*`,
    `${root}.node.*.*`,
    ...events.flatMap((stream) => [
      `$JS.API.DIRECT.GET.${stream}`,
      // The consumers of event subscriptions.
      `$JS.API.CONSUMER.CREATE.${stream}.>`,
      `$JS.API.CONSUMER.INFO.${stream}.*`,
      `$JS.API.CONSUMER.NAMES.${stream}`,
      `$JS.API.CONSUMER.DELETE.${stream}.*`,
    ]),
  ],
  shards: [
    ...shardVerbs('leaseQuota', 'leaseTenantQuota', 'limitUse'),
    `${root}.node.*.stop`,
    workSubjects,
    ...eventInlets(events),
    ...[ownWork, ...ownEvents(events)],
    ...acknowledgements,
    `$KV.${root}_leases.>`,
  ],
  workers: [
    ...shardVerbs('claim', 'heartbeat', 'report', 'checkpoint', 'log'),
    `$JS.API.CONSUMER.MSG.NEXT.${work}.*`,
    // A job that needs a handler that this node lacks moves to the route of that handler.
    ...[workSubjects, ownWork],
    ...acknowledgements,
    `${root}.progress.*.*.*`,
    `${root}.logs.*.*.*`,
    `$KV.${root}_config.handler.>`,
  ],
});

const heardBy: Record<NatsRole, readonly string[]> = {
  gateway: [`${root}.events.*.*.*.*`, `${root}.progress.*.*.*`, `${root}.logs.*.*.*`],
  shards: [`${root}.shard.*.*`],
  workers: [],
};

/**
 * The part of the server's configuration about who may do what: one account with a user per role and, if followers log in with
 * their credentials, theirs. The chart removes the quotes from text between `<<` and `>>`, so the server reads the passwords from
 * its environment.
 */
export function natsAccounts(eventStreams: number, keys?: FollowerLoginKeys) {
  const nodeUsers = natsRoles.map(natsUser);
  const followers =
    keys === undefined
      ? undefined
      : followerConfiguration({ root, streams: eventsStreams(eventStreams), keys, nodeUsers });
  return {
    accounts: {
      [clusterAccount]: {
        jetstream: 'enabled',
        users: natsRoles.map((role) => userOf(role, eventStreams, keys !== undefined)),
        ...(followers && { exports: followers.exports }),
      },
      ...followers?.accounts,
    },
    ...followers?.server,
  };
}

function userOf(role: NatsRole, eventStreams: number, admitsFollowers: boolean) {
  const { publish, subscribe } = natsPermissions(role, eventStreams);
  const asked = admitsFollowers && role === 'gateway' ? ['$SYS.REQ.USER.AUTH'] : [];
  return {
    user: natsUser(role),
    password: `<< $${natsPasswordVariable(role)} >>`,
    // Permits one answer to each request, on the subject that the request names.
    permissions: { publish: { allow: publish }, subscribe: { allow: [...subscribe, ...asked] }, allow_responses: true },
  };
}
