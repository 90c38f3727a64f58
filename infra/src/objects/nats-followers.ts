/**
 * Accounts of those who follow events. They are not in the account of the streams: JetStream delivers to whatever subject a
 * request names, with the rights of the requester's account, so a login there could speak to shards. That account lends them what
 * its streams hand out, and nothing else.
 */
import { followerAccount, followerApi, sharedWithFollowers } from '../../../src/contract/event-follower.ts';

/** Public keys; the seeds are in a Secret of the gateways. */
export interface FollowerLoginKeys {
  /** `A…`: signs logins. */
  readonly issuer: string;
  /** `X…`: requests for logins are sealed for it. */
  readonly sealing: string;
}

/** The account of the streams, and of the nodes. */
export const clusterAccount = 'TROUPE';
const systemAccount = 'SYS';
export const systemUser = 'troupe-system';
/** Variable of the server's environment with the password of the system user. */
export const systemPasswordVariable = 'TROUPE_SYSTEM_PASSWORD';
/** Connections of all followers together: what they may cost the servers. */
const followerConnectionsMax = 2_000;

interface FollowerSettings {
  readonly root: string;
  /** All streams of events. */
  readonly streams: readonly string[];
  readonly keys: FollowerLoginKeys;
  /** Users of the nodes. They do not go through the gateway. */
  readonly nodeUsers: readonly string[];
}

/** What the configuration of the servers has besides the account of the nodes, and what that account exports. */
export function followerConfiguration({ root, streams, keys, nodeUsers }: FollowerSettings) {
  const shared = sharedWithFollowers(streams, { apiPrefix: followerApi(root) });
  return {
    exports: shared.map(({ subject, streamed }) => ({
      service: subject,
      accounts: [followerAccount],
      ...(streamed && { response_type: 'stream' }),
    })),
    accounts: {
      [followerAccount]: {
        limits: { max_connections: followerConnectionsMax },
        imports: shared.map(({ subject, to }) => ({ service: { account: clusterAccount, subject }, to })),
      },
      [systemAccount]: {
        users: [
          {
            user: systemUser,
            password: `<< $${systemPasswordVariable} >>`,
            permissions: {
              publish: { allow: [`$SYS.REQ.ACCOUNT.${followerAccount}.CONNZ`, '$SYS.REQ.SERVER.*.KICK'] },
              subscribe: { allow: ['_INBOX_troupe-gateway.>'] },
            },
          },
        ],
      },
    },
    server: {
      system_account: systemAccount,
      authorization: {
        // A gateway has this long to ask the store or an issuer.
        timeout: 5,
        auth_callout: {
          issuer: keys.issuer,
          xkey: keys.sealing,
          account: clusterAccount,
          auth_users: [...nodeUsers, systemUser],
        },
      },
    },
  };
}
