/**
 * The cluster of one machine as containers: NATS, Cassandra, the schema, a gateway, nodes. compose.yaml and the stack
 * `local-docker` are both generated from this, so they cannot differ.
 */
import type { DockerConfig } from '../config/machine.ts';
import type { DockerObjectsConfig } from '../config/objects.ts';
import type { Image } from '../config/primitives.ts';
import type { Container, HealthCheck } from './container.ts';
import { ports } from './names.ts';

/** The drain period of a node, and the time it needs afterwards to release its shards and close. */
const drainSeconds = 20;
const closeSeconds = 15;

/** Few shards, because in a small cluster a node with fewer shards makes larger commits. */
const shardCount = 8;

const dataCenter = 'datacenter1';

function imageName({ repository, tag, digest }: Image): string {
  return digest === undefined ? `${repository}:${tag ?? 'latest'}` : `${repository}@${digest}`;
}

function check(command: readonly string[], startSeconds: number): HealthCheck {
  return { command, intervalSeconds: 5, timeoutSeconds: 5, retries: 12, startSeconds };
}

/**
 * Checks readiness and not only liveness: `/readyz` answers 503 while NATS or the store are away and while the node
 * drains.
 */
const readyScript = `fetch('http://127.0.0.1:${ports.http}/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;

function nats({ natsImage }: DockerConfig): Container {
  const monitorPort = 8_222;
  const url = `http://127.0.0.1:${monitorPort}/healthz?js-server-only=true`;
  return {
    name: 'nats',
    image: imageName(natsImage),
    command: ['--jetstream', '--store_dir', '/data', '--http_port', String(monitorPort)],
    volumes: { '/data': 'nats' },
    after: {},
    health: check(['wget', '-q', '-O', '/dev/null', url], 10),
    stopSeconds: 20,
    confined: false,
  };
}

/**
 * Settings without a variable in the image are set by Java properties. With `group`, a commit is acknowledged once it
 * is on the disk. The `periodic` default of the image would lose up to ten seconds of jobs in a power cut.
 */
const cassandraSettings = {
  commitlog_sync: 'group',
  commitlog_sync_group_window: '2ms',
  commitlog_sync_period: '0ms',
  paxos_variant: 'v2',
} as const;

function cassandra({ cassandraImage, cassandraHeapMb }: DockerConfig): Container {
  const properties = Object.entries(cassandraSettings).map(([key, value]) => `-Dcassandra.settings.${key}=${value}`);
  return {
    name: 'cassandra',
    image: imageName(cassandraImage),
    environment: {
      CASSANDRA_CLUSTER_NAME: 'troupe',
      MAX_HEAP_SIZE: `${cassandraHeapMb}M`,
      HEAP_NEWSIZE: `${Math.floor(cassandraHeapMb / 4)}M`,
      JVM_EXTRA_OPTS: ['-Dcassandra.config.allow_system_properties=true', ...properties].join(' '),
    },
    volumes: { '/var/lib/cassandra': 'cassandra' },
    after: {},
    // The port opens once the server accepts statements. cqlsh would show the same, but takes a second of CPU each
    // time.
    health: check(['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${ports.cassandra}`], 90),
    stopSeconds: 60,
    confined: false,
  };
}

/** Variables with which our processes find NATS and the store. */
function clusterVariables(): Readonly<Record<string, string>> {
  return {
    TROUPE_NATS_SERVERS: `nats:${ports.nats}`,
    TROUPE_STORE_KIND: 'cassandra',
    TROUPE_STORE_CASSANDRA_CONTACT_POINTS: `cassandra:${ports.cassandra}`,
    TROUPE_STORE_CASSANDRA_LOCAL_DATA_CENTER: dataCenter,
    TROUPE_SHARDS_COUNT: String(shardCount),
  };
}

const secretFolder = '/objects';
const gibibyte = 1_024 ** 3;

/** Where large payloads lie. Gateways and nodes must agree about it. */
function objectsVariables(objects: DockerObjectsConfig | undefined): Readonly<Record<string, string>> {
  if (objects === undefined) return {};
  const { bucket, region, prefix, endpoint, linkEndpoint, pathStyle, accessKeyId, payloadMaxGb } = objects;
  return {
    TROUPE_OBJECTS_KIND: 's3',
    ...(payloadMaxGb !== undefined && { TROUPE_OBJECTS_PAYLOAD_MAX_BYTES: String(payloadMaxGb * gibibyte) }),
    TROUPE_OBJECTS_S3_BUCKET: bucket,
    TROUPE_OBJECTS_S3_REGION: region,
    TROUPE_OBJECTS_S3_PREFIX: prefix,
    TROUPE_OBJECTS_S3_PATH_STYLE: String(pathStyle),
    ...(endpoint !== undefined && { TROUPE_OBJECTS_S3_ENDPOINT: endpoint }),
    ...(linkEndpoint !== undefined && { TROUPE_OBJECTS_S3_LINK_ENDPOINT: linkEndpoint }),
    TROUPE_OBJECTS_S3_ACCESS_KEY_ID: accessKeyId,
    TROUPE_OBJECTS_S3_SECRET_ACCESS_KEY_PATH: `${secretFolder}/secret-access-key`,
  };
}

function foldersOf(folders: Readonly<Record<string, string | undefined>>): Pick<Container, 'folders'> {
  const present = Object.entries(folders).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return present.length === 0 ? {} : { folders: Object.fromEntries(present) };
}

/**
 * Node ids are fixed. So a node that comes back can take its leases over at once, and no id has to be stored on a disk.
 */
function serving(nodeId: string, roles: string): Readonly<Record<string, string>> {
  return {
    ...clusterVariables(),
    TROUPE_NODE_ID: nodeId,
    TROUPE_ROLES: roles,
    TROUPE_HTTP_HOST: '0.0.0.0',
    TROUPE_HTTP_PORT: String(ports.http),
    TROUPE_SHUTDOWN_GRACE_MS: String(drainSeconds * 1_000),
  };
}

const served = {
  command: ['serve'],
  after: { nats: 'healthy', migrate: 'completed' },
  health: check(['node', '-e', readyScript], 30),
  stopSeconds: drainSeconds + closeSeconds,
  confined: true,
} as const;

const ownImage = { target: 'troupe', variable: 'CLUSTER_IMAGE' } as const;

function migrate({ image }: DockerConfig): Container {
  return {
    name: 'migrate',
    image: imageName(image),
    built: ownImage,
    command: ['migrate'],
    environment: clusterVariables(),
    after: { cassandra: 'healthy' },
    stopSeconds: 10,
    confined: true,
  };
}

/** The gateway uses no TLS and asks for no credential, so it is published on loopback only. */
function gateway({ image, objects, ports: published }: DockerConfig): Container {
  return {
    ...served,
    name: 'gateway',
    image: imageName(image),
    built: ownImage,
    environment: {
      ...serving('gateway', 'gateway'),
      TROUPE_GATEWAY_HOST: '0.0.0.0',
      TROUPE_GATEWAY_PORT: String(ports.grpc),
      TROUPE_GATEWAY_WEB_PORT: String(ports.web),
      TROUPE_GATEWAY_INSECURE: 'true',
      TROUPE_GATEWAY_AUTH: 'none',
      TROUPE_GATEWAY_REFLECTION: 'true',
      ...objectsVariables(objects),
    },
    ...foldersOf({ [secretFolder]: objects?.secretDir }),
    ports: [
      { container: ports.grpc, host: published.gateway, variable: 'GATEWAY_PORT' },
      { container: ports.http, host: published.http, variable: 'HTTP_PORT' },
      { container: ports.web, host: published.web, variable: 'WEB_PORT' },
    ],
  };
}

function node({ nodeImage, handlersDir, objects, threadsPerNode }: DockerConfig, number: number): Container {
  return {
    ...served,
    name: `node-${number}`,
    image: imageName(nodeImage),
    built: { target: 'samples', variable: 'NODE_IMAGE' },
    environment: {
      ...serving(`node-${number}`, 'shards,workers'),
      TROUPE_WORKERS_HANDLER_DIRS: '/handlers',
      TROUPE_WORKERS_THREADS: String(threadsPerNode),
      // Its own disk is read-only, and /tmp is memory. Handlers read streams.
      TROUPE_WORKERS_SCRATCH_MAX_BYTES: '0',
      ...objectsVariables(objects),
    },
    ...foldersOf({ '/handlers': handlersDir, [secretFolder]: objects?.secretDir }),
  };
}

/** The containers in the order in which they start. */
export function containersOf(config: DockerConfig): readonly Container[] {
  const nodes = Array.from({ length: config.nodes }, (_, index) => node(config, index + 1));
  return [nats(config), cassandra(config), migrate(config), gateway(config), ...nodes];
}
