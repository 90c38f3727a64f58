/** What a gateway does for followers of events: it keeps the consumers of subscriptions, and lets followers in to NATS. */
import { RefusalLog } from '../adapters/issuers/refusal-log.ts';
import type { NatsBus } from '../adapters/nats/connect-nats.ts';
import { createFollowerLogins, type FollowerLogins } from '../application/events/follower-logins.ts';
import { createSubscriptionUpkeep } from '../application/events/subscription-upkeep.ts';
import type { FollowerDoor } from '../application/ports/follower-door.ts';
import type { Store } from '../application/ports/store.ts';
import type { Config } from '../config/index.ts';
import type { Roles } from '../domain/access/role.ts';
import type { Authenticator } from '../gateway/access/authenticator.ts';
import type { TenantCheck } from '../gateway/access/tenant-check.ts';
import type { FollowersPlace } from '../gateway/service-parts.ts';
import { checkFile } from './access.ts';
import type { ProcessRuntime } from './runtime.ts';

interface FollowersParts {
  readonly config: Config;
  readonly runtime: ProcessRuntime;
  readonly bus: NatsBus;
  readonly store: Store;
  readonly roles: Roles;
  readonly authenticator: Authenticator;
  readonly tenantCheck: TenantCheck;
}

interface FollowersService {
  /** Rejects if the files or the login that the configuration names cannot be used. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createFollowersService(parts: FollowersParts): FollowersService {
  const { bus, store } = parts;
  const { clock } = parts.runtime;
  const log = parts.runtime.log.child({ component: 'events' });
  const upkeep = createSubscriptionUpkeep({ documents: store.documents, consumers: bus.eventConsumers, clock, log });
  let door: FollowerDoor | undefined;
  let logins: FollowerLogins | undefined;
  return {
    async start() {
      upkeep.start();
      door = await openDoor(parts);
      if (door === undefined) return;
      logins = loginsAt(parts, door);
      logins.start();
    },
    async stop() {
      upkeep.stop();
      logins?.stop();
      await door?.close();
    },
  };
}

export function followersPlace({ nats: { followers, subjectRoot } }: Config): FollowersPlace | undefined {
  return followers.signingSeedPath === undefined ? undefined : { servers: followers.servers, subjectRoot };
}

function loginsAt(parts: FollowersParts, door: FollowerDoor): FollowerLogins {
  const { config, store, roles, authenticator, tenantCheck } = parts;
  const { clock } = parts.runtime;
  const log = parts.runtime.log.child({ component: 'events' });
  const refusals = new RefusalLog({ clock, log });
  return createFollowerLogins({
    door,
    documents: store.documents,
    roles,
    subjectRoot: config.nats.subjectRoot,
    authenticate: (credential) => authenticator.authenticate(credential),
    admitTenant: (principal) =>
      tenantCheck.admit(principal, { scope: 'tenant', permission: 'events.follow', audit: 'none' }),
    refused: (reason) => refusals.say(reason),
    clock,
    log,
  });
}

async function openDoor({ config, bus }: FollowersParts): Promise<FollowerDoor | undefined> {
  const { signingSeedPath, sealingSeedPath, systemUser, systemPasswordPath } = config.nats.followers;
  if (
    signingSeedPath === undefined ||
    sealingSeedPath === undefined ||
    systemUser === undefined ||
    systemPasswordPath === undefined
  )
    return undefined;
  for (const [name, path] of Object.entries({ signingSeedPath, sealingSeedPath, systemPasswordPath }))
    checkFile(`nats.followers.${name}`, path);
  return bus.openFollowerDoor({ signingSeedPath, sealingSeedPath, user: systemUser, passwordPath: systemPasswordPath });
}
