/**
 * The gRPC server of a gateway. Loopback needs no TLS; any other address does, unless `insecure` says that plain text is
 * meant. Stopping: health says NOT_SERVING, no new calls, streams are told to go elsewhere, calls under way may end
 * within the grace, then what is left is cut.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation, protoPath as healthProtoPath } from 'grpc-health-check';
import type { Clock, Logger, Random, Telemetry } from '../application/ports/runtime.ts';
import type { UseCases } from '../application/use-cases.ts';
import { loadContract } from '../contract/codec.ts';
import { createStatusCodec } from '../contract/error-details.ts';
import { protoDir, protoFiles } from '../contract/root.ts';
import { createAdmission } from './admission.ts';
import { clusterService } from './cluster-service.ts';
import { createCallScope } from './call-scope.ts';
import type { CallScope } from './call-scope.ts';
import { ensureListenable, isLoopback, listenError, ListenError } from './listen-error.ts';
import { jobsService, queuesService } from './services.ts';
import { createStatusMapper } from './status-mapper.ts';

export interface GatewayLimits {
  /** Hard limit of one payload; messages may be a little larger. The same value as the use cases have. */
  readonly payloadMaxBytes: number;
  /** Jobs of submits that are not answered yet; default 20,000. */
  readonly maxJobsInFlight?: number;
  /** Bytes of their inputs; default four times the payload limit, at least 64 MiB. */
  readonly maxBytesInFlight?: number;
  /** Open watches; default 10,000. */
  readonly maxWatches?: number;
  /** Calls under way on one connection, watches included; default 1,000. */
  readonly maxConcurrentStreams?: number;
}

export interface GatewayOptions {
  readonly useCases: UseCases;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly limits: GatewayLimits;
  /** Serve the description of the contract to generic clients. */
  readonly reflection: boolean;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** Plain text on an address that others can reach. */
  readonly insecure: boolean;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Gateway {
  /** Rejects with ListenError. */
  start(): Promise<{ readonly port: number }>;
  /** What health checks say while it is up; `true` from the start on. */
  setServing(serving: boolean): void;
  /** Safe to call twice, and before start. */
  stop(graceMs: number): Promise<void>;
}

/** Room for the envelope around a payload of the largest size. */
const envelopeMaxBytes = 1_048_576;
const keepaliveTimeMs = 30_000;
const keepaliveTimeoutMs = 10_000;
/** From the end of the grace to the end of connections: time for the last statuses to leave. */
const cutMs = 200;

export function createGateway(options: GatewayOptions): Gateway {
  const { host, log, clock } = options;
  const { server, health, scope, jobsInFlight } = buildServer(options);
  let target: string | undefined;
  let stopped: Promise<void> | undefined;

  async function start(): Promise<{ readonly port: number }> {
    const credentials = credentialsOf(options);
    await ensureListenable(host, options.port);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(targetOf(host, options.port), credentials, (error, bound) => {
        if (error) reject(listenError(error, options));
        else resolve(bound);
      });
    });
    target = targetOf(host, port);
    setServing(true);
    log.info({ event: 'gateway.started', host, port }, 'gateway listens');
    return { port };
  }

  function setServing(serving: boolean): void {
    const status = serving && !stopped ? 'SERVING' : 'NOT_SERVING';
    for (const service of ['', 'troupe.v1.Jobs', 'troupe.v1.Queues', 'troupe.v1.Cluster'])
      health.setStatus(service, status);
  }

  /** Destroying connections is left to `drain`: without channelz `forceShutdown` finds none. */
  async function drain(graceMs: number): Promise<void> {
    setServing(false);
    scope.endStreams();
    const cancelTimer = clock.setTimer(graceMs, () => {
      log.warn({ event: 'gateway.forced', jobs: jobsInFlight() }, 'calls did not end within the grace, cut');
      scope.cutCalls();
    });
    if (target !== undefined) server.drain(target, graceMs + cutMs);
    await new Promise<void>((resolve) => {
      server.tryShutdown(() => {
        resolve();
      });
    });
    cancelTimer();
    server.forceShutdown();
    log.info({ event: 'gateway.stopped' }, 'gateway stopped');
  }

  function stop(graceMs: number): Promise<void> {
    stopped ??= drain(graceMs);
    return stopped;
  }

  return { start, setServing, stop };
}

function targetOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

function credentialsOf({ tls, insecure, host, port }: GatewayOptions): ServerCredentials {
  if (tls) return ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }]);
  if (!insecure && !isLoopback(host)) throw new ListenError('INSECURE_ADDRESS', { host, port });
  return ServerCredentials.createInsecure();
}

interface BuiltServer {
  readonly server: Server;
  readonly health: HealthImplementation;
  readonly scope: CallScope;
  readonly jobsInFlight: () => number;
}

function buildServer(options: GatewayOptions): BuiltServer {
  const { limits, log, telemetry, clock, random, useCases } = options;
  const contract = loadContract();
  const mapper = createStatusMapper(createStatusCodec(contract));
  const scope = createCallScope({ mapper, clock, log, telemetry });
  const admission = createAdmission({
    ...{ telemetry, clock, random },
    limits: {
      maxJobs: limits.maxJobsInFlight ?? 20_000,
      maxBytes: limits.maxBytesInFlight ?? Math.max(4 * limits.payloadMaxBytes, 64 * 1_048_576),
      maxWatches: limits.maxWatches ?? 10_000,
    },
  });
  const server = new Server({
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': limits.payloadMaxBytes + envelopeMaxBytes,
    'grpc.max_concurrent_streams': limits.maxConcurrentStreams ?? 1_000,
    'grpc.keepalive_time_ms': keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
  });
  const parts = { useCases, scope, admission, mapper };
  server.addService(contract.jobs, jobsService(parts));
  server.addService(contract.queues, queuesService(parts));
  server.addService(contract.cluster, clusterService(parts));
  const health = new HealthImplementation();
  health.addToServer(server);
  if (options.reflection) {
    const contractFiles = loadSync([...protoFiles], { includeDirs: [protoDir], keepCase: true });
    const healthFiles = loadSync(healthProtoPath, { keepCase: true });
    new ReflectionService({ ...contractFiles, ...healthFiles }).addToServer(server);
  }
  return { server, health, scope, jobsInFlight: admission.jobs };
}
