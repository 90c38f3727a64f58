/**
 * The gRPC server of a gateway: its services, its health and its limits. When it stops, it first reports NOT_SERVING.
 */
import type { Http2SecureServer, Http2Server } from 'node:http2';
import { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Random, Telemetry } from '../application/ports/runtime.ts';
import type { UseCases } from '../application/use-cases.ts';
import { loadContract } from '../contract/codec.ts';
import { loadDescriptors } from '../contract/descriptors.ts';
import { createStatusCodec } from '../contract/error-details.ts';
import { loadJsonContract } from '../contract/json-methods.ts';
import { loadReflection } from '../contract/reflection.ts';
import { loadMethodAccess, serviceNames } from '../contract/method-access.ts';
import { given } from '../domain/given.ts';
import type { Authenticator } from './access/authenticator.ts';
import { type AuditorParts, createAuditor } from './audit/auditor.ts';
import { createGatekeeper } from './access/gatekeeper.ts';
import { followPeerCertificates } from './access/peer-certificates.ts';
import type { TenantCheck } from './access/tenant-check.ts';
import { createAdmission } from './admission.ts';
import { type CallScope, createCallScope } from './call-scope.ts';
import { type ConnectionLimits, Connections } from './connections.ts';
import {
  type BoundPorts,
  connectionOptions,
  createListener,
  type GrpcListener,
  type ListenerOptions,
} from './grpc-listener.ts';
import { guardStreams } from './http2-streams.ts';
import { tolerant } from './readable-requests.ts';
import { reflectionService } from './reflection.ts';
import { RequestBudget } from './request-budget.ts';
import { createSendBudget } from './send-budget.ts';
import { StreamOwners } from './stream-owners.ts';
import { methodsOf, servicesOf } from './served-services.ts';
import type { FollowersPlace } from './service-parts.ts';
import { createStatusMapper } from './status-mapper.ts';
import type { ServedMethods } from './web/json-calls.ts';
import { createWebAnswers } from './web/web-answer.ts';
import { createWebListener, type WebListener, type WebListenerParts, type WebOptions } from './web/web-listener.ts';

interface GatewayLimits {
  /** Limit of one payload in bytes. Messages may be slightly larger. The use cases have the same limit. */
  readonly payloadMaxBytes: number;
  /** Jobs of submits that are not answered yet. Default: 20,000. */
  readonly maxJobsInFlight?: number;
  /** Input bytes of these jobs. Default: four times the payload limit, at least 64 MiB. */
  readonly maxBytesInFlight?: number;
  /** Open watches. Default: 10,000. */
  readonly maxWatches?: number;
  /** Bytes held for clients that have not read them yet. Default: 128 MiB. */
  readonly maxSendBytes?: number;
  /** Concurrent calls per connection, including watches. Default: 1,000. */
  readonly maxConcurrentStreams?: number;
  /** Defaults: 4,096 and 1,024 of one address, and the times of `connectionOptions`. */
  readonly connections?: ConnectionSettings;
}

interface ConnectionSettings extends Partial<Omit<ConnectionLimits, 'maxCalls'>> {
  /** A connection without calls is closed after this time. */
  readonly idleMaxMs?: number;
  /** An older connection takes no new calls. */
  readonly ageMaxMs?: number;
  /** How much later its calls are cut. */
  readonly ageGraceMs?: number;
}

export interface GatewayOptions extends ListenerOptions {
  readonly authenticator: Authenticator;
  readonly tenantCheck: TenantCheck;
  readonly useCases: UseCases;
  readonly audit: Pick<AuditorParts, 'log' | 'settings'>;
  readonly limits: GatewayLimits;
  readonly followers?: FollowersPlace | undefined;
  /** Undefined: there is no door for browsers and curl. */
  readonly web?: WebOptions | undefined;
  /** Serve reflection to generic clients. */
  readonly reflection: boolean;
  readonly telemetry: Telemetry;
  readonly random: Random;
}

export interface GatewayPorts extends BoundPorts {
  /** Absent unless there is a door for browsers and curl. */
  readonly webPort?: number;
}

export interface Gateway extends GrpcListener {
  start(): Promise<GatewayPorts>;
  /** Sets what health checks report while it runs. Initially true. */
  setServing(serving: boolean): void;
}

/** Room for the envelope around a payload of the maximum size. */
const envelopeMaxBytes = 1_048_576;

/** Calls at a time besides submits and watches. */
const readsMax = 10_000;

/** Creates the server. It listens after `start`. */
export function createGateway(options: GatewayOptions): Gateway {
  const { server, health, scope, jobsInFlight, web } = buildServer(options);
  const listener = createListener('gateway', options, { server, scope, underWay: () => ({ jobs: jobsInFlight() }) });
  let isStopped = false;

  function setServing(serving: boolean): void {
    const status = serving && !isStopped ? 'SERVING' : 'NOT_SERVING';
    // The empty name stands for all.
    for (const service of ['', ...serviceNames]) health.setStatus(service, status);
  }

  return {
    async start() {
      const bound = await listener.start();
      const webPort = (await web?.start())?.port;
      setServing(true);
      return { ...bound, ...given({ webPort }) };
    },
    setServing,
    async stop(graceMs) {
      isStopped = true;
      setServing(false);
      await Promise.all([listener.stop(graceMs), web?.stop(graceMs)]);
    },
  };
}

interface BuiltServer {
  readonly server: Server;
  readonly health: HealthImplementation;
  readonly scope: CallScope;
  readonly jobsInFlight: () => number;
  readonly web: WebListener | undefined;
}

function buildServer(options: GatewayOptions): BuiltServer {
  const { limits, log, telemetry, clock, random, useCases } = options;
  const contract = loadContract();
  const statusCodec = createStatusCodec(contract);
  const mapper = createStatusMapper(statusCodec);
  const sendMaxBytes = limits.maxSendBytes ?? 128 * 1_048_576;
  const budget = createSendBudget(sendMaxBytes, telemetry);
  const owners = new StreamOwners();
  const messageMaxBytes = limits.payloadMaxBytes + envelopeMaxBytes;
  const maxBytes = limits.maxBytesInFlight ?? Math.max(4 * limits.payloadMaxBytes, 64 * 1_048_576);
  const requests = new RequestBudget({ maxBytes, messageMaxBytes, telemetry, nowMs: () => performance.now() });
  const accessOfMethods = loadMethodAccess();
  const gatekeeper = createGatekeeper(options.authenticator, accessOfMethods, options.tenantCheck, maxBytes);
  const auditor = createAuditor({ ...options.audit, accessOfMethods, clock, logger: log, telemetry });
  const { tenantLimits } = useCases;
  const scope = createCallScope({ gatekeeper, auditor, tenantLimits, mapper, clock, log, telemetry, budget, owners });
  const admissionLimits = {
    maxJobs: limits.maxJobsInFlight ?? 20_000,
    maxBytes,
    maxWatches: limits.maxWatches ?? 10_000,
  };
  const admission = createAdmission({ telemetry, clock, random, budget, limits: admissionLimits });
  const server = new Server(serverOptions(limits, messageMaxBytes));
  const reflected = options.reflection ? loadReflection() : [];
  const inPieces = new Set([contract.jobs.SubmitJobStream.path, ...reflected.flatMap(pathsOf)]);
  const maxCalls = admissionLimits.maxJobs + admissionLimits.maxWatches + readsMax;
  const connectionsOf = (name: 'gateway' | 'web'): Connections =>
    new Connections({
      server: name,
      limits: { max: 4_096, maxPerAddress: 1_024, ...limits.connections, maxCalls },
      telemetry,
    });
  const connections = connectionsOf('gateway');
  const also = (http2Server: Http2Server | Http2SecureServer): void => followPeerCertificates(http2Server, clock);
  guardStreams(server, { send: budget, owners, sendMaxBytes, requests, inPieces, connections, also });
  const { followers } = options;
  const parts = { useCases, scope, admission, mapper, followers, wallMs: () => clock.wallMs() };
  const services = servicesOf(contract, parts);
  for (const [codecs, methods] of services) server.addService(tolerant(codecs), methods);
  const health = new HealthImplementation();
  health.addToServer(server);
  if (options.reflection) {
    const descriptors = loadDescriptors();
    for (const version of reflected) server.addService(tolerant(version), reflectionService(descriptors, parts));
  }
  const web = webOf(options, methodsOf(services), () => {
    const json = loadJsonContract();
    const answers = createWebAnswers({ statusCodec, mapper, json });
    return { json, answers, scope, requests, budget, owners, messageMaxBytes, connections: connectionsOf('web') };
  });
  return { server, health, scope, jobsInFlight: admission.jobs, web };
}

function webOf(
  { web, host, tls, insecure, log, clock, limits: { connections = {} } }: GatewayOptions,
  methods: ServedMethods,
  parts: () => Omit<WebListenerParts, 'methods'>,
): WebListener | undefined {
  if (web === undefined) return undefined;
  const { startMaxMs: headersMaxMs = 10_000, idleMaxMs = 900_000, ageMaxMs = 3_600_000 } = connections;
  const times = { headersMaxMs, idleMaxMs, ageMaxMs };
  return createWebListener({ ...web, ...times, host, tls, insecure, log, clock }, { ...parts(), methods });
}

function serverOptions({ connections = {}, maxConcurrentStreams = 1_000 }: GatewayLimits, messageMaxBytes: number) {
  const { idleMaxMs, ageMaxMs, ageGraceMs } = connections;
  return {
    ...connectionOptions,
    ...given({
      'grpc.max_connection_idle_ms': idleMaxMs,
      'grpc.max_connection_age_ms': ageMaxMs,
      'grpc.max_connection_age_grace_ms': ageGraceMs,
    }),
    'grpc.max_receive_message_length': messageMaxBytes,
    'grpc.max_concurrent_streams': maxConcurrentStreams,
  };
}

function pathsOf(service: Readonly<Record<string, { readonly path: string }>>): readonly string[] {
  return Object.values(service).map(({ path }) => path);
}
