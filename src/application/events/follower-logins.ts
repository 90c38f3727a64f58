/**
 * Who may log in to NATS to follow a subscription, and for how long.
 *
 * A follower shows the credential with which it would call the gateway. Its login may read one subscription and nothing else. It
 * ends with the credential, and after an hour at most; the client then logs in again. Every gateway looks at all connections of
 * followers each 15 s, and ends those whose API key, role, subscription or tenant is gone. So it does not matter which gateway let
 * somebody in, or whether that one still lives.
 */
import { grantsOf, type Roles } from '../../domain/access/role.ts';
import { isAccepted } from '../../domain/access/service-account.ts';
import type { Principal } from '../../domain/access/principal.ts';
import {
  followerApi,
  followerInbox,
  followerPermissions,
  followerUser,
  type FollowerUser,
  parseFollowerUser,
} from '../../domain/event-follower.ts';
import { consumerOf, type EventSubscription } from '../../domain/event-subscription.ts';
import { TroupeError } from '../../domain/errors.ts';
import { accountOf, accountPlace, keyPlace, ownerOf } from '../access/account-documents.ts';
import type { DocumentStore } from '../ports/document-store.ts';
import type { FollowerAttempt, FollowerConnection, FollowerDoor, FollowerLogin } from '../ports/follower-door.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { tenantOf, tenantPlace } from '../tenants/tenant-documents.ts';
import { FollowerCounts } from './follower-counts.ts';
import { subscriptionOf, subscriptionPlace } from './subscription-documents.ts';

export interface FollowerLoginsParts {
  readonly door: FollowerDoor;
  readonly documents: Pick<DocumentStore, 'findDocument'>;
  readonly roles: Roles;
  readonly subjectRoot: string;
  /** Throws or rejects for whoever shows no good credential. */
  readonly authenticate: (credential: string) => Principal | Promise<Principal>;
  /** Throws or rejects for a principal whose tenant is not served. */
  readonly admitTenant: (principal: Principal) => undefined | Promise<void>;
  /** Told why somebody is not let in. For the log. */
  readonly refused: (reason: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface FollowerLogins {
  admit(attempt: FollowerAttempt): Promise<FollowerLogin>;
  /** Ends the connections that may be no longer. Rejects with what NATS or the store says, once all were looked at. */
  look(): Promise<void>;
  start(): void;
  stop(): void;
}

const loginMaxMs = 3_600_000;
/** With the 30 s for which a gateway accepts a key that it knows, less than the 60 s that are promised. */
const lookMs = 15_000;
/** The store is asked about so many users at a time. */
const asksMax = 16;

export function createFollowerLogins(parts: FollowerLoginsParts): FollowerLogins {
  const { door, clock, log } = parts;
  let cancel: (() => void) | undefined;
  let close: (() => void) | undefined;
  let isFailing = false;

  const counts = new FollowerCounts();
  const admit = (attempt: FollowerAttempt): Promise<FollowerLogin> => admitFollower(parts, counts, attempt);
  const look = (): Promise<void> => endConnections(parts, counts);

  async function lookAndWait(): Promise<void> {
    try {
      await look();
      isFailing = false;
    } catch (error) {
      if (!isFailing)
        log.warn({ event: 'followers.unchecked', err: error }, 'connections of followers are not checked');
      isFailing = true;
    }
    if (close !== undefined) cancel = clock.setTimer(lookMs, () => void lookAndWait());
  }

  return {
    admit,
    look,
    start() {
      close = door.open(admit);
      void lookAndWait();
    },
    stop() {
      close?.();
      close = undefined;
      cancel?.();
    },
  };
}

async function admitFollower(
  parts: FollowerLoginsParts,
  counts: FollowerCounts,
  { user, password, host }: FollowerAttempt,
) {
  const { clock, log, refused } = parts;
  const asked = parseFollowerUser(user);
  if (asked === undefined) throw refusal(refused, 'the user is not TENANT.SUBSCRIPTION, or with the id of the API key');
  const principal = await parts.authenticate(password);
  if (principal.kind !== 'service' && principal.kind !== 'subject')
    throw refusal(refused, 'the credential is neither an API key nor a token of an issuer');
  if (principal.tenant !== asked.tenant) throw refusal(refused, 'the tenant of the credential is another one');
  const keyId = principal.kind === 'service' ? principal.credential : undefined;
  if (asked.keyId !== keyId)
    throw refusal(refused, 'the user does not end with the id of the API key, or has one too many');
  if (!principal.permissions.has('events.follow'))
    throw refusal(refused, 'the caller lacks the permission events.follow');
  await parts.admitTenant(principal);
  const subscription = await findSubscription(parts, asked);
  if (subscription === undefined) throw refusal(refused, 'the tenant has no such subscription');
  if (Object.keys(subscription.streams).length === 0) throw refusal(refused, 'the subscription has no consumer yet');
  const nowMs = clock.wallMs();
  const expiresAtMs = Math.min(principal.expiresAtMs ?? Infinity, nowMs + loginMaxMs);
  if (expiresAtMs <= nowMs) throw refusal(refused, 'the credential has expired');
  if (counts.isFull(asked.tenant)) throw refusal(refused, 'the followers of the tenant have too many connections');
  counts.admit(asked.tenant);
  log.info(
    { event: 'follower.login', principal: principal.id, user: followerUser(asked), host, expiresAtMs },
    'a follower has logged in',
  );
  return { ...permissionsOf(subscription, parts.subjectRoot), expiresAtMs };
}

function permissionsOf(subscription: EventSubscription, subjectRoot: string) {
  return followerPermissions({
    streams: Object.keys(subscription.streams).sort(),
    consumer: consumerOf(subscription),
    apiPrefix: followerApi(subjectRoot),
    inboxPrefix: followerInbox(subscription.mark),
  });
}

function refusal(refused: (reason: string) => void, reason: string): TroupeError {
  refused(reason);
  return new TroupeError('TOKEN_INVALID');
}

async function findSubscription(
  { documents }: Pick<FollowerLoginsParts, 'documents'>,
  { tenant, subscription: name }: FollowerUser,
): Promise<EventSubscription | undefined> {
  const document = await documents.findDocument(subscriptionPlace({ tenant, name }));
  return document && subscriptionOf(document);
}

async function endConnections(parts: FollowerLoginsParts, counts: FollowerCounts): Promise<void> {
  counts.beginLook();
  const found = await parts.door.connections();
  const tooMany = counts.endLook(found);
  if (tooMany.length > 0)
    parts.log.warn({ event: 'followers.surplus', connections: tooMany.length }, 'a tenant has too many followers');
  // A server that does not answer keeps nobody from ending the others.
  const ends = [await Promise.allSettled(tooMany.map((connection) => connection.end()))];
  const byUser = Map.groupBy(found, ({ user }) => user);
  const users = [...byUser];
  for (let at = 0; at < users.length; at += asksMax)
    ends.push(
      await Promise.allSettled(
        users.slice(at, at + asksMax).map(([user, connections]) => endOf(parts, user, connections)),
      ),
    );
  const failed = ends.flat().find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

async function endOf(parts: FollowerLoginsParts, user: string, connections: readonly FollowerConnection[]) {
  const why = await reasonToEnd(parts, user);
  if (why === undefined) return;
  parts.log.info({ event: 'follower.ended', user, connections: connections.length, why }, 'connections were ended');
  await Promise.all(connections.map((connection) => connection.end()));
}

/** Asks the store each time: what a gateway remembers may be too old. Undefined if there is none. */
async function reasonToEnd(parts: FollowerLoginsParts, text: string): Promise<string | undefined> {
  const user = parseFollowerUser(text);
  // One of the servers' configuration, which is none of our business, or a client that has none at all.
  if (user === undefined) return undefined;
  const subscription = await findSubscription(parts, user);
  if (subscription === undefined) return 'its subscription has ended';
  if (user.keyId === undefined) return tenantReason(parts, user.tenant);
  const account = await accountOfKey(parts, user.keyId);
  const key = account?.keys.find(({ id }) => id === user.keyId);
  if (account === undefined || key === undefined || account.tenant !== user.tenant) return 'its API key is gone';
  if (!isAccepted(key, parts.clock.wallMs())) return 'its API key has ended';
  if (!grantsOf(parts.roles, account.roles).permissions.has('events.follow')) return 'its role is gone';
  return tenantReason(parts, user.tenant);
}

async function accountOfKey({ documents }: Pick<FollowerLoginsParts, 'documents'>, keyId: string) {
  const owner = await documents.findDocument(keyPlace(keyId));
  if (owner === undefined) return undefined;
  const { tenant, account: name } = ownerOf(owner);
  const document = await documents.findDocument(accountPlace({ tenant, name }));
  return document && accountOf(document);
}

async function tenantReason({ documents }: Pick<FollowerLoginsParts, 'documents'>, tenant: string) {
  const document = await documents.findDocument(tenantPlace(tenant));
  const state = document && tenantOf(document).state;
  return state === 'DELETING' || state === 'DELETED' ? 'its tenant is being deleted' : undefined;
}
