/** The edge of a process: gRPC for clients, HTTP for probes and metrics. */
import { randomUUID } from 'node:crypto';
import type { NatsBus } from '../adapters/nats/connect-nats.ts';
import { createAuditLog } from '../application/audit/audit-log.ts';
import type { JobCache } from '../application/ports/job-cache.ts';
import type { NodeClient } from '../application/ports/node-link.ts';
import type { Sealing } from '../application/sealing/sealing.ts';
import type { ShardBatcher } from '../application/protocol/shard-batcher.ts';
import type { ShardRouter } from '../application/protocol/shard-router.ts';
import type { Store } from '../application/ports/store.ts';
import { HandlerFleet } from '../application/jobs/handler-fleet.ts';
import { guardReads } from '../application/storage/store-breaker.ts';
import { createKnownTenants } from '../application/tenants/known-tenants.ts';
import { createUseCases, type UseCases } from '../application/use-cases.ts';
import type { Config } from '../config/index.ts';
import { rolesWith } from '../domain/access/role.ts';
import { createHttpEdge, type HttpEdge, type Readiness } from '../gateway/http-edge.ts';
import { denialsPerSecondDefault } from '../gateway/audit/denial-budget.ts';
import { createInputValidator } from '../gateway/input-validator.ts';
import type { GrpcListener } from '../gateway/grpc-listener.ts';
import { createScaler } from '../gateway/scaler-server.ts';
import { createGateway, type Gateway } from '../gateway/server.ts';
import { given } from '../domain/given.ts';
import { createCredentialFiles, type CredentialFiles } from './credential-files.ts';
import { createFollowersService, followersPlace } from './followers.ts';
import { gatewayAuthenticator, gatewayTenants } from './gateway-access.ts';
import { streamedMaxBytes } from './object-store.ts';
import { webOptions } from './web-door.ts';
import type { ProcessRuntime } from './runtime.ts';

/** What the edge shares with the other roles of the process. */
export interface GatewayParts {
  readonly config: Config;
  readonly runtime: ProcessRuntime;
  readonly bus: NatsBus;
  readonly store: Store;
  readonly router: ShardRouter;
  readonly batcher: ShardBatcher;
  readonly shardCount: number;
  readonly nodes: NodeClient;
  readonly cache: JobCache;
  readonly sealing: Sealing;
}

export interface GatewayRole {
  readonly gateway: Gateway;
  /** Undefined unless the scaler is enabled. */
  readonly scaler: GrpcListener | undefined;
  readonly useCases: UseCases;
  /** Begins to look after the consumers of event subscriptions, and to let followers in to NATS. */
  serveFollowers(): Promise<void>;
  /** Follows the files of its credentials no more, and ends the audit log. The gateway has stopped. */
  close(): Promise<void>;
}

/** Time to store the last entries. */
const auditEndMaxMs = 5_000;

/** Creates the edge without starting it. `process.ts` starts it last and stops it first. */
export function createGatewayRole(parts: GatewayParts): GatewayRole {
  const { config, bus, store, router, batcher, shardCount, cache } = parts;
  const { clock, random, log, telemetry } = parts.runtime;
  const roles = rolesWith(config.gateway.roles);
  const mustBeMade = config.gateway.tenants === 'listed';
  const known = createKnownTenants({ documents: store.documents, clock, log, mustBeMade });
  const useCases = createUseCases({
    roles,
    knownTenants: known,
    telemetry,
    batcher,
    store: { ...guardReads(store, parts.runtime), audit: store.audit },
    config: bus.config,
    fleet: new HandlerFleet(bus.membership, (tenant) => known.lastSeen(tenant)?.dedicated === true),
    work: bus.work,
    feed: bus.live,
    events: bus.events,
    eventConsumers: bus.eventConsumers,
    cache,
    validator: createInputValidator(log),
    clock,
    atTurnEnd: (then) => void setImmediate(then),
    random,
    log,
    shardCount,
    sealing: parts.sealing,
    localShards: () => router.local(),
    payloadMaxBytes: config.gateway.payloadMaxBytes,
    streamedMaxBytes: streamedMaxBytes(config),
    cluster: { nodes: parts.nodes, membership: bus.membership, quarantines: bus.quarantines },
  });
  const { host, port, tls, insecure, reflection } = config.gateway;
  const files = createCredentialFiles(parts.runtime);
  const audit = auditOf(parts);
  const access = { runtime: parts.runtime, files, documents: store.documents, roles };
  const authenticator = gatewayAuthenticator(config.gateway, access);
  const tenantCheck = gatewayTenants(config.gateway, { runtime: parts.runtime, known });
  const followers = createFollowersService({ ...parts, roles, authenticator, tenantCheck });
  const gateway = createGateway({
    audit,
    authenticator,
    tenantCheck,
    followers: followersPlace(config),
    web: webOptions(config.gateway, parts.runtime),
    useCases,
    host,
    port,
    limits: limitsOf(config),
    reflection,
    ...given({ tls: files.serverTls('gateway', tls), certificates: files.certificateTls(config.gateway) }),
    insecure,
    log: log.child({ component: 'gateway' }),
    telemetry,
    clock,
    random,
  });
  const scaler = config.scaler.enabled ? scalerOf(parts, useCases, files) : undefined;
  return {
    gateway,
    scaler,
    useCases,
    serveFollowers: () => followers.start(),
    close() {
      files.close();
      return Promise.all([followers.stop(), audit.log.close(auditEndMaxMs)]).then(() => undefined);
    },
  };
}

/** Its chains are those of this start of the process: a restart begins others. */
function auditOf({ config, store, runtime: { clock, log } }: GatewayParts) {
  const { required, submits, reads, retentionMs } = config.audit;
  return {
    log: createAuditLog({
      store: store.audit,
      clock,
      log: log.child({ component: 'audit' }),
      writer: randomUUID(),
      retentionMs,
    }),
    settings: { required, submits, reads, denialsPerSecond: denialsPerSecondDefault },
  };
}

function limitsOf(config: Config) {
  const { payloadMaxBytes, jobsInFlightMax, bytesInFlightMax, sendBytesMax, watchesMax } = config.gateway;
  return {
    payloadMaxBytes,
    maxJobsInFlight: jobsInFlightMax,
    maxBytesInFlight: bytesInFlightMax,
    maxSendBytes: sendBytesMax,
    maxWatches: watchesMax,
    connections: connectionSettings(config),
  };
}

function connectionSettings({ gateway }: Config) {
  return {
    max: gateway.connectionsMax,
    maxPerAddress: gateway.connectionsPerAddressMax,
    idleMaxMs: gateway.connectionIdleMaxMs,
    ageMaxMs: gateway.connectionAgeMaxMs,
    ageGraceMs: gateway.connectionAgeGraceMs,
  };
}

/** The scaler has its own listener, because KEDA sends no token. Network rules or TLS must protect its port. */
function scalerOf({ config, runtime }: GatewayParts, { workerDemand }: UseCases, files: CredentialFiles): GrpcListener {
  const { host, port, tls, insecure } = config.scaler;
  const { clock, log, telemetry } = runtime;
  return createScaler({
    demand: workerDemand,
    host,
    port,
    insecure,
    ...given({ tls: files.serverTls('scaler', tls) }),
    log: log.child({ component: 'scaler' }),
    telemetry,
    clock,
  });
}

export function createProbes(config: Config, runtime: ProcessRuntime, readiness: () => Promise<Readiness>): HttpEdge {
  return createHttpEdge({
    host: config.http.host,
    port: config.http.port,
    health: readiness,
    metrics: async () => ({ contentType: runtime.telemetry.contentType, body: await runtime.telemetry.metricsText() }),
  });
}
