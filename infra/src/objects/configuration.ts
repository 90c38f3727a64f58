/**
 * The file troupe.config.yaml of each workload, as a ConfigMap. Secrets appear in it as paths only. User names come as
 * variables from the Secrets that hold the passwords (pods.ts).
 */
import { stringify } from 'yaml';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { natsSyncIntervalMs } from '../config/messaging.ts';
import type { GatewayAccess } from '../config/gateway-access.ts';
import type { GatewayConfig, WorkerClassConfig } from '../config/workloads.ts';
import { cellRssMaxMb } from '../config/worker-memory.ts';
import { type Component, type KubernetesObject, metadata } from './kubernetes-object.ts';
import { configFile, dataFolder, handlerSecretsFolder, mounted, scratchFolder } from './mounts.ts';
import {
  cassandraContactPoints,
  type NatsRole,
  natsRoles,
  natsServers,
  ports,
  storeUser,
  collectorName,
} from './names.ts';
import { natsInboxPrefix } from './nats-accounts.ts';
import { systemUser } from './nats-followers.ts';

/** A part of troupe.config.yaml. */
export type Settings = Readonly<Record<string, unknown>>;

/** Listen on every interface of the pod. Network policies limit who reaches it. */
const anyAddress = '0.0.0.0';
const gibibyte = 1_024 ** 3;
/** A pod whose volume is full is evicted. */
const usableScratch = 0.95;
/** Share of it that handlers of all cells together may write beside their inputs. A file system needs some as well. */
const ownScratch = 0.04;
const ownScratchMinBytes = 1_024 ** 2;

function ownScratchBytes(scratchGb: number, cells: number): number {
  return Math.max(ownScratchMinBytes, Math.floor((scratchGb * gibibyte * ownScratch) / cells));
}

/** Without `role`: of the Job of the schema. */
export function storeSettings(environment: KubernetesEnvironment, role?: NatsRole): Settings {
  const { data } = environment;
  const ring =
    data.kind === 'k8ssandra'
      ? { localDataCenter: data.dataCenter, replication: { [data.dataCenter]: data.replication } }
      : { localDataCenter: data.localDataCenter, replication: data.replication };
  return {
    dataDir: dataFolder,
    store: {
      kind: 'cassandra',
      cassandra: {
        contactPoints: cassandraContactPoints(environment),
        keyspace: data.keyspace,
        ...ring,
        ...loginSettings(environment, role),
        passwordPath: mounted('cassandra/password'),
        tls: {
          caPath: mounted('cassandra/ca.crt'),
          certPath: mounted('cassandra/tls.crt'),
          keyPath: mounted('cassandra/tls.key'),
        },
      },
    },
    shards: { count: environment.shards.count },
  };
}

/** A login that all share is named by a variable, from its Secret (pods.ts). */
function loginSettings(environment: KubernetesEnvironment, role: NatsRole | undefined): Settings {
  if (environment.data.logins === 'shared') return {};
  if (role !== undefined) return { user: storeUser(environment, role) };
  return {
    logins: natsRoles.map((one) => ({
      user: storeUser(environment, one),
      components: [one],
      passwordPath: mounted(`logins/${one}`),
    })),
  };
}

/** Where large payloads lie. */
function objectsSettings({ objects }: KubernetesEnvironment): Settings {
  if (objects === undefined) return {};
  const { bucket, region, prefix, endpoint, linkEndpoint, pathStyle, credentials, payloadMaxGb } = objects;
  return {
    objects: {
      kind: 's3',
      ...(payloadMaxGb !== undefined && { payloadMaxBytes: payloadMaxGb * gibibyte }),
      s3: {
        bucket,
        region,
        prefix,
        pathStyle,
        ...(endpoint !== undefined && { endpoint }),
        ...(linkEndpoint !== undefined && { linkEndpoint }),
        ...(credentials === 'secret' && { secretAccessKeyPath: mounted('objects/secret-access-key') }),
      },
    },
  };
}

/** Gateways let followers in, and tell them where the servers are. */
function followerSettings(environment: KubernetesEnvironment): Settings {
  const { messaging } = environment;
  if (messaging.kind === 'external' || messaging.followers === undefined) return {};
  return {
    followers: {
      servers: natsServers(environment),
      signingSeedPath: mounted('followers/signing-seed'),
      sealingSeedPath: mounted('followers/sealing-seed'),
      systemUser,
      systemPasswordPath: mounted('followers/system-password'),
    },
  };
}

/** Settings of every node, whatever its role. */
function nodeSettings(environment: KubernetesEnvironment, role: NatsRole, graceMs: number) {
  const { messaging } = environment;
  const syncIntervalMs = messaging.kind === 'cluster' ? natsSyncIntervalMs : messaging.syncIntervalMs;
  return {
    ...storeSettings(environment, role),
    ...objectsSettings(environment),
    nats: {
      servers: natsServers(environment),
      replicas: messaging.kind === 'cluster' ? Math.min(messaging.servers, 3) : messaging.replicas,
      ...(syncIntervalMs !== undefined && { syncIntervalMs }),
      ...(messaging.eventStreams > 1 && { eventStreams: messaging.eventStreams }),
      inboxPrefix: natsInboxPrefix(role),
      passwordPath: mounted('nats/password'),
      tls: { caPath: mounted('nats/ca.crt'), certPath: mounted('nats/tls.crt'), keyPath: mounted('nats/tls.key') },
    },
    http: { host: anyAddress, port: ports.http },
    shutdown: { graceMs },
  };
}

/** Spans go to the collector. Workers send none; they hand the trace of an attempt to its handler. */
function tracesSettings({ namespace, observability: { traces } }: KubernetesEnvironment): Settings {
  if (traces === undefined) return {};
  return { traces: { url: `http://${collectorName}.${namespace}.svc:${ports.otlpHttp}/v1/traces`, ...traces } };
}

/** Settings of a gateway. With `scaled`, it answers KEDA's requests for the demand. */
export function gatewaySettings(environment: KubernetesEnvironment, graceMs: number, scaled: boolean): Settings {
  const secured = listenSettings(environment.gateway.tls);
  const node = nodeSettings(environment, 'gateway', graceMs);
  return {
    roles: ['gateway'],
    ...node,
    nats: { ...node.nats, ...followerSettings(environment) },
    gateway: {
      host: anyAddress,
      port: ports.grpc,
      ...secured,
      ...accessSettings(environment.gateway.access),
      operatorTokenPath: mounted('operator/token'),
      ...(environment.gateway.web && { web: { port: ports.web, ...environment.gateway.web } }),
    },
    ...(scaled && { scaler: { enabled: true, host: anyAddress, port: ports.scaler, ...secured } }),
    ...auditSettings(environment),
    ...encryptionSettings(environment),
  };
}

const dayMs = 24 * 3_600_000;

function auditSettings({ audit }: KubernetesEnvironment): Settings {
  if (audit === undefined) return {};
  const { retentionDays, ...rest } = audit;
  return { audit: { ...rest, ...(retentionDays !== undefined && { retentionMs: retentionDays * dayMs }) } };
}

function encryptionSettings({ encryption }: KubernetesEnvironment): Settings {
  switch (encryption?.keys) {
    case undefined:
      return {};
    case 'file': {
      const { keys, required } = encryption;
      return { encryption: { keys, required, file: { path: mounted('encryption/keys') } } };
    }
    case 'vault': {
      const { keys, required, address, mount, key, namespace, caSecret } = encryption;
      const vault = {
        address,
        ...(mount !== undefined && { mount }),
        ...(key !== undefined && { key }),
        ...(namespace !== undefined && { namespace }),
        tokenPath: mounted('vault/token'),
        ...(caSecret !== undefined && { caPath: mounted('vault/ca.crt') }),
      };
      return { encryption: { keys, required, vault } };
    }
    case 'aws-kms': {
      const { keys, required, key, endpoint, credentials } = encryption;
      const awsKms = {
        key,
        ...(endpoint !== undefined && { endpoint }),
        ...(credentials !== 'role' && {
          accessKeyId: credentials.accessKeyId,
          secretAccessKeyPath: mounted('kms/secret-access-key'),
        }),
      };
      return { encryption: { keys, required, awsKms } };
    }
  }
}

function listenSettings(tls: GatewayConfig['tls']): Settings {
  switch (tls) {
    case 'certificate':
      return { tls: { certPath: mounted('gateway/tls.crt'), keyPath: mounted('gateway/tls.key') } };
    case 'mesh':
      return { insecure: true };
  }
}

function accessSettings(access: GatewayAccess): Settings {
  switch (access.kind) {
    case 'issuers': {
      const { issuers, apiKeys } = access;
      return { issuers, ...(apiKeys && { apiKeys }), ...ownRoles(access) };
    }
    case 'apiKeys':
      return { apiKeys: true, ...ownRoles(access) };
    case 'certificates': {
      const { identities, issuers, apiKeys } = access;
      const certificates = { port: ports.certificates, caPath: mounted('clients/ca.crt'), identities };
      return { certificates, ...(issuers.length > 0 && { issuers }), ...(apiKeys && { apiKeys }), ...ownRoles(access) };
    }
    case 'none':
      return { auth: 'none' };
  }
}

function ownRoles({ roles }: Exclude<GatewayAccess, { kind: 'none' }>): Settings {
  return Object.keys(roles).length > 0 ? { roles } : {};
}

export function shardsSettings(environment: KubernetesEnvironment, graceMs: number): Settings {
  const { count, cpuMilli } = environment.shards;
  return {
    roles: ['shards'],
    ...nodeSettings(environment, 'shards', graceMs),
    ...tracesSettings(environment),
    shards: { count, weight: Math.ceil(cpuMilli / 1_000) },
  };
}

/**
 * Settings of a worker. `name` is the class or one of its two tracks. The number of threads is not set here: it comes
 * as a variable from the CPU limit of the container.
 */
export function workersSettings(
  environment: KubernetesEnvironment,
  workers: WorkerClassConfig,
  { name, graceMs }: { readonly name: string; readonly graceMs: number },
): Settings {
  const { handlerDirs, cells, threadMemoryMb, threadMemoryMaxMb = threadMemoryMb, scratchGb, secretGrants } = workers;
  const names = Object.keys(workers.env);
  return {
    roles: ['workers'],
    ...nodeSettings(environment, 'workers', graceMs),
    ...tracesSettings(environment),
    workers: {
      class: name,
      ...(workers.tenants !== undefined && { tenants: workers.tenants }),
      cells,
      handlerDirs,
      memoryMb: threadMemoryMb,
      memoryMaxMb: threadMemoryMaxMb,
      cellRssMaxMb: cellRssMaxMb(workers),
      ...(scratchGb > 0 && { scratchDir: scratchFolder }),
      scratchMaxBytes: Math.floor(scratchGb * gibibyte * usableScratch),
      ...(scratchGb > 0 && { cellScratchMaxBytes: ownScratchBytes(scratchGb, cells) }),
      ...(secretGrants.length > 0 && { secrets: { path: handlerSecretsFolder, grants: secretGrants } }),
    },
    ...(names.length > 0 && { handlers: { env: names } }),
    ...encryptionSettings(environment),
    ...(workers.podDeletionCost && { kubernetes: { podDeletionCost: true } }),
  };
}

export function configMap(
  environment: KubernetesEnvironment,
  component: Component,
  name: string,
  settings: Settings,
): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(environment, component, name),
    data: { [configFile]: stringify(settings, { lineWidth: 0 }) },
  };
}
