/** The environments that run on one machine: as processes (`local`) or as containers (`docker`). */
import { z } from 'zod';
import { dockerObjectsSchema } from './objects.ts';
import { anyPort, image, mebibytes, port } from './primitives.ts';
import { localQueuesSchema } from './queues.ts';

/** Cassandra's internode port is this much below its port for clients. */
export const cassandraStoragePortBelow = 2_042;

const localPortsSchema = z.strictObject({
  nats: port.default(4222),
  cassandra: port.min(1_024 + cassandraStoragePortBelow).default(9042),
  gateway: port.default(50051),
  /** HTTP port of the gateway (probes). Each node takes the next one. */
  http: port.default(8080),
});

const localEnvironmentSchema = z.strictObject({
  kind: z.literal('local'),
  name: z.literal('local').default('local'),
  /** Folder for everything that the processes keep: data, logs, process ids. Relative to infra/. */
  dataDir: z.string().min(1).default('../.troupe/local'),
  store: z.enum(['cassandra', 'sqlite']).default('cassandra'),
  nodes: z.int().min(1).max(16).default(2),
  threadsPerNode: z.int().min(1).max(64).default(1),
  handlerDirs: z.array(z.string().min(1)).min(1).max(20).default(['../examples']),
  ports: localPortsSchema.prefault({}),
  cassandraHeapMb: mebibytes.default(1_024),
  drainSeconds: z.int().min(1).max(3_600).default(20),
  /** Queues to declare, as the stack `queues-local`. If absent, no queues are declared. */
  queues: localQueuesSchema.optional(),
});

type LocalEnvironment = z.infer<typeof localEnvironmentSchema>;

/** Every port that the environment occupies on this machine, with its key. */
export function localPorts({ ports, nodes, store }: LocalEnvironment): readonly (readonly [string, number])[] {
  const { nats, cassandra, gateway, http } = ports;
  return [
    ['nats', nats],
    ['gateway', gateway],
    ...(store === 'cassandra'
      ? ([
          ['cassandra', cassandra],
          ['cassandra', cassandra - cassandraStoragePortBelow],
        ] as const)
      : []),
    ...Array.from({ length: nodes + 1 }, (_, index) => ['http', http + index] as const),
  ];
}

export const localSchema = localEnvironmentSchema.superRefine((environment, context) => {
  const taken = new Map<number, string>();
  for (const [key, number] of localPorts(environment)) {
    const other = taken.get(number);
    const problem = number > 65_535 ? `port ${number} is above 65535` : `port ${number} is that of \`${other}\`, too`;
    if (number > 65_535 || other !== undefined) {
      context.addIssue({ code: 'custom', path: ['ports', key], message: problem });
    }
    taken.set(number, key);
  }
});

export const dockerSchema = z.strictObject({
  kind: z.literal('docker'),
  name: z.literal('local-docker').default('local-docker'),
  /** Image of the gateway and the migration: `docker build -t troupe:local .` */
  image: image.default({ repository: 'troupe', tag: 'local' }),
  /** Image of the nodes, with handlers in /handlers: `docker build -t troupe-samples:local --target samples .` */
  nodeImage: image.default({ repository: 'troupe-samples', tag: 'local' }),
  natsImage: image.default({ repository: 'nats', tag: '2.15-alpine' }),
  cassandraImage: image.default({ repository: 'cassandra', tag: '5.0.9' }),
  nodes: z.int().min(1).max(16).default(2),
  threadsPerNode: z.int().min(1).max(64).default(1),
  /**
   * A folder of the host that is mounted as /handlers. If absent, the handlers of the image are used. Relative to
   * infra/.
   */
  handlersDir: z.string().min(1).optional(),
  /** If absent, large payloads lie in Cassandra, and streams have the limit of any payload. */
  objects: dockerObjectsSchema.optional(),
  cassandraHeapMb: mebibytes.default(1_024),
  /** Keep the data of NATS and Cassandra after `cdktf destroy local-docker`. Default: true. */
  keepVolumes: z.boolean().default(true),
  ports: z
    .strictObject({ gateway: anyPort.default(50_051), http: anyPort.default(8_080), web: anyPort.default(8_081) })
    .prefault({}),
});

export type LocalConfig = z.infer<typeof localSchema>;
export type DockerConfig = z.infer<typeof dockerSchema>;
