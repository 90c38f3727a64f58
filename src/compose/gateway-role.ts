/** The edge of a process: gRPC for users, HTTP for probes and scrapers. */
import { readFileSync } from 'node:fs';
import type { NatsBus } from '../adapters/nats/connect-nats.ts';
import type { JobCache } from '../application/ports/job-cache.ts';
import type { NodeClient } from '../application/ports/node-link.ts';
import type { ShardBatcher } from '../application/shard-batcher.ts';
import type { ShardRouter } from '../application/shard-router.ts';
import type { Store } from '../application/ports/store.ts';
import { HandlerFleet } from '../application/handler-fleet.ts';
import { createUseCases } from '../application/use-cases.ts';
import type { UseCases } from '../application/use-cases.ts';
import type { Config } from '../config/index.ts';
import { createHttpEdge } from '../gateway/http-edge.ts';
import type { HttpEdge, Readiness } from '../gateway/http-edge.ts';
import { createInputValidator } from '../gateway/input-validator.ts';
import { createOperatorAuthorizer } from '../gateway/operator-authorizer.ts';
import { createGateway } from '../gateway/server.ts';
import type { Gateway } from '../gateway/server.ts';
import { operatorToken } from './access.ts';
import type { ProcessRuntime } from './runtime.ts';

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
}

export interface GatewayRole {
  readonly gateway: Gateway;
  readonly useCases: UseCases;
}

export function createGatewayRole(parts: GatewayParts): GatewayRole {
  const { config, bus, store, router, batcher, shardCount, cache } = parts;
  const { clock, random, log, telemetry } = parts.runtime;
  const useCases = createUseCases({
    batcher,
    store,
    config: bus.config,
    fleet: new HandlerFleet(bus.membership),
    work: bus.work,
    feed: bus.live,
    events: bus.events,
    cache,
    validator: createInputValidator(log),
    clock,
    random,
    log,
    shardCount,
    localShards: () => router.local(),
    payloadMaxBytes: config.gateway.payloadMaxBytes,
    cluster: {
      nodes: parts.nodes,
      membership: bus.membership,
      quarantines: bus.quarantines,
      authorizer: createOperatorAuthorizer({ operatorToken: operatorToken(config.gateway), host: config.gateway.host }),
    },
  });
  const { host, port, tls, insecure, reflection, payloadMaxBytes } = config.gateway;
  const { jobsInFlightMax, bytesInFlightMax, watchesMax } = config.gateway;
  const gateway = createGateway({
    useCases,
    host,
    port,
    limits: {
      payloadMaxBytes,
      maxJobsInFlight: jobsInFlightMax,
      maxBytesInFlight: bytesInFlightMax,
      maxWatches: watchesMax,
    },
    reflection,
    ...(tls.certPath !== undefined &&
      tls.keyPath !== undefined && { tls: { cert: readFileSync(tls.certPath), key: readFileSync(tls.keyPath) } }),
    insecure,
    log: log.child({ component: 'gateway' }),
    telemetry,
    clock,
    random,
  });
  return { gateway, useCases };
}

export function createProbes(config: Config, runtime: ProcessRuntime, readiness: () => Promise<Readiness>): HttpEdge {
  return createHttpEdge({
    host: config.http.host,
    port: config.http.port,
    health: readiness,
    metrics: async () => ({ contentType: runtime.telemetry.contentType, body: await runtime.telemetry.metricsText() }),
  });
}
