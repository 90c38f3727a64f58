/**
 * What the NATS login of a follower may do: ask for the next events of one consumer, acknowledge them, look at that consumer, and
 * hear its own answers. Nothing else: no stream is read, and no consumer made. Logins that a gateway gives and logins of a
 * configuration are both computed here.
 */
import { invariant } from './errors.ts';
import { given } from './given.ts';

/** The account of the followers, in the configuration of the servers. */
export const followerAccount = 'FOLLOWERS';

/** What the API of JetStream is called in that account. `$JS.API` is the account's own, and leads to no stream. */
export function followerApi(subjectRoot: string): string {
  return `${subjectRoot}.api`;
}

interface FollowedConsumer {
  readonly streams: readonly string[];
  readonly consumer: string;
  /** Where the account of the followers has the API of JetStream: `$JS.API`, or what its imports are called. */
  readonly apiPrefix: string;
  /** First token of the subjects on which it hears its answers. */
  readonly inboxPrefix: string;
}

interface FollowerPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export function followerPermissions(followed: FollowedConsumer): FollowerPermissions {
  const { streams, consumer, apiPrefix, inboxPrefix } = followed;
  // NATS takes an empty list for no restriction at all.
  invariant(streams.length > 0, 'a follower has a stream to read');
  return {
    publish: streams.flatMap((stream) => [
      `${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      `${apiPrefix}.CONSUMER.INFO.${stream}.${consumer}`,
      ...ackSubjects(stream, consumer),
    ]),
    subscribe: [`${inboxPrefix}.>`],
  };
}

/**
 * Both layouts of the reply subject of a delivery: with five tokens after the consumer, or with a domain and an account before the
 * stream and at least five tokens after the consumer. The numbers of tokens are a part of the permission. Without them, one layout
 * names a consumer of its choice where the other has the domain, and an acknowledgement may ask for the next message.
 */
export function ackSubjects(stream: string, consumer: string): readonly string[] {
  return [`$JS.ACK.${stream}.${consumer}.*.*.*.*.*`, `$JS.ACK.*.*.${stream}.${consumer}.*.*.*.*.>`];
}

/** A subject of JetStream that followers use, and what it is called in their account. */
interface SharedSubject {
  readonly subject: string;
  readonly to: string;
  /** One request gets many answers. */
  readonly streamed: boolean;
}

/**
 * What the account of the streams lends to the account of the followers. They are in another account, because JetStream delivers
 * to whatever subject a request names, with the rights of the account: in that of the streams a follower could so speak to shards.
 */
export function sharedWithFollowers(
  streams: readonly string[],
  { apiPrefix, consumer = '*' }: { readonly apiPrefix: string; readonly consumer?: string },
): readonly SharedSubject[] {
  return streams.flatMap((stream) => [
    {
      subject: `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      to: `${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      streamed: true,
    },
    {
      subject: `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
      to: `${apiPrefix}.CONSUMER.INFO.${stream}.${consumer}`,
      streamed: false,
    },
    ...ackSubjects(stream, consumer).map(same),
  ]);
}

function same(subject: string): SharedSubject {
  return { subject, to: subject, streamed: false };
}

/** First token of the subjects on which followers of a subscription hear their answers. Others cannot guess the mark. */
export function followerInbox(mark: string): string {
  return `_INBOX_${mark}`;
}

/**
 * With what user a follower logs in. The password is its credential. The id of an API key is a part of the user, so that the
 * connections of a key can be told from the list of connections alone, by every gateway.
 */
export interface FollowerUser {
  readonly tenant: string;
  readonly subscription: string;
  /** Of the API key. Absent for a token of an issuer, which ends by itself. */
  readonly keyId?: string;
}

const userPattern = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,64})(?:\.([0-9A-Za-z]{1,64}))?$/;

export function followerUser({ tenant, subscription, keyId }: FollowerUser): string {
  return [tenant, subscription, ...(keyId === undefined ? [] : [keyId])].join('.');
}

/** Undefined if the text is no such user. */
export function parseFollowerUser(text: string): FollowerUser | undefined {
  const [, tenant, subscription, keyId] = userPattern.exec(text) ?? [];
  if (tenant === undefined || subscription === undefined) return undefined;
  return { tenant, subscription, ...given({ keyId }) };
}
