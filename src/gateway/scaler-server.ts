/**
 * The server that KEDA calls, on a separate port. Callers present no token, so restrict access by network policies or
 * by TLS with client certificates. It only returns numbers and changes nothing.
 */
import { Server } from '@grpc/grpc-js';
import type { Telemetry } from '../application/ports/runtime.ts';
import type { WorkerDemand } from '../application/scaling/worker-demand.ts';
import { loadContract } from '../contract/codec.ts';
import { createStatusCodec } from '../contract/error-details.ts';
import { loadExternalScaler } from '../contract/external-scaler.ts';
import type { Principal } from '../domain/access/principal.ts';
import type { Gatekeeper } from './access/gatekeeper.ts';
import { unaudited } from './audit/auditor.ts';
import { createCallScope } from './call-scope.ts';
import { Connections } from './connections.ts';
import { connectionOptions, createListener, type GrpcListener, type ListenerOptions } from './grpc-listener.ts';
import { RequestBudget } from './request-budget.ts';
import { guardStreams } from './http2-streams.ts';
import { tolerant } from './readable-requests.ts';
import { createSendBudget } from './send-budget.ts';
import { StreamOwners } from './stream-owners.ts';
import { scalerService } from './scaler-service.ts';
import { createStatusMapper } from './status-mapper.ts';

export interface ScalerOptions extends ListenerOptions {
  readonly demand: WorkerDemand;
  readonly telemetry: Telemetry;
  /** Streams that may be open at once. Default: 256. */
  readonly streamsMax?: number;
}

const messageMaxBytes = 65_536;
/** Its answers consist of a few numbers. */
const sendMaxBytes = 8 * 1_048_576;
const callsMax = 512;
/** KEDA has a connection for each of its objects. */
const connectionLimits = { max: 512, maxPerAddress: 512, maxCalls: callsMax };
/** Bytes of unfinished requests. */
const maxBytes = 32 * messageMaxBytes;

/** KEDA has no credential but the certificate that its listener may demand. What it may see is the demand, and nothing else. */
const caller: Principal = {
  kind: 'anyone',
  id: 'scaler',
  tenant: undefined,
  roles: [],
  permissions: new Set(),
  onlyIn: new Map(),
  expiresAtMs: undefined,
};
const listenerGuards: Gatekeeper = {
  admit: () => caller,
  admitAgain: () => caller,
  tenantOf: () => undefined,
  needs: () => undefined,
};
/** KEDA's streams are of no tenant. */
const tenantLimits = { openStream: () => () => undefined };

export function createScaler(options: ScalerOptions): GrpcListener {
  const { demand, telemetry, clock, log, streamsMax = 256 } = options;
  const mapper = createStatusMapper(createStatusCodec(loadContract()));
  const budget = createSendBudget(sendMaxBytes, telemetry);
  const owners = new StreamOwners();
  const scope = createCallScope({
    gatekeeper: listenerGuards,
    auditor: unaudited,
    tenantLimits,
    mapper,
    clock,
    log,
    telemetry,
    budget,
    owners,
  });
  const server = new Server({
    ...connectionOptions,
    'grpc.max_receive_message_length': messageMaxBytes,
    'grpc.max_concurrent_streams': callsMax,
  });
  const requests = new RequestBudget({ maxBytes, messageMaxBytes, telemetry, nowMs: () => performance.now() });
  const connections = new Connections({ server: 'scaler', limits: connectionLimits, telemetry });
  guardStreams(server, { send: budget, owners, sendMaxBytes, requests, inPieces: new Set(), connections });
  server.addService(tolerant(loadExternalScaler()), scalerService({ demand, scope, telemetry, streamsMax }));
  return createListener('scaler', options, { server, scope, underWay: () => ({}) });
}
