/** The workloads of Troupe on Kubernetes: gateways, shard nodes and worker classes. */
import { z } from 'zod';
import { handlerVariablesMax, problemOfHandlerVariable } from '../../../src/contract/handler-variables.ts';
import { gatewayAccess, hasCredentials } from './gateway-access.ts';
import { peer } from './network.ts';
import { dnsLabel, image, labels, mebibytes, milliCores, port, seconds, wholeCores } from './primitives.ts';
import { poolTenants } from './tenants.ts';
import { leastPodMemoryMb } from './worker-memory.ts';

const replicaRange = z
  .strictObject({ min: z.int().min(1).max(1_000), max: z.int().min(1).max(1_000) })
  .refine(({ min, max }) => min <= max, { message: 'is at most `max`', path: ['min'] });

const placement = {
  /** Labels of the Kubernetes nodes that may run it. */
  nodeSelector: labels.default({}),
  tolerations: z
    .array(
      z.strictObject({
        key: z.string().min(1),
        operator: z.enum(['Exists', 'Equal']),
        value: z.string().optional(),
        effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
      }),
    )
    .max(20)
    .default([]),
  /** `require`: zones differ by at most one pod, and a pod that would violate this waits. `prefer`: best effort. */
  zoneSpread: z.enum(['prefer', 'require']).default('prefer'),
};

/** `shutdown.graceMs` of the process. The pod's own grace period is a little longer (objects/lifetime.ts). */
const drainSeconds = seconds.min(1).max(3_600);

const gatewayRollout = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('rolling') }),
  /** An Argo Rollout that shifts traffic in steps by the weights of the route. */
  z.strictObject({
    kind: z.literal('canary'),
    steps: z
      .array(z.strictObject({ trafficPercent: z.int().min(1).max(99), pauseMinutes: z.int().min(1).max(1_440) }))
      .min(1)
      .max(20)
      .default([
        { trafficPercent: 10, pauseMinutes: 10 },
        { trafficPercent: 50, pauseMinutes: 10 },
      ]),
  }),
]);

export const gatewaySchema = z
  .strictObject({
    access: gatewayAccess,
    replicas: replicaRange.default({ min: 2, max: 10 }),
    cpuMilli: milliCores.default(1_000),
    memoryMb: mebibytes.min(256).default(1_024),
    drainSeconds: drainSeconds.default(30),
    /** Average CPU utilization above which another gateway is started. */
    targetCpuPercent: z.int().min(10).max(95).default(70),
    /** `mesh`: the gateway listens in plain text, and a service mesh encrypts the traffic to the pod. */
    tls: z.enum(['certificate', 'mesh']).default('certificate'),
    rollout: gatewayRollout.default({ kind: 'rolling' }),
    /** A GRPCRoute of the Gateway API. Without a route, clients inside the cluster use the headless Service. */
    route: z
      .strictObject({
        gateway: dnsLabel,
        gatewayNamespace: dnsLabel,
        hostname: z.string().min(1).max(253),
        /**
         * A ConfigMap whose `ca.crt` is the authority that signs the gateways' certificate. With `tls: 'certificate'`,
         * the edge verifies that certificate.
         */
        caConfigMap: dnsLabel.default('troupe-gateway-ca'),
      })
      .optional(),
    /** Calls in JSON and the console, on a port of the Service of the gateways. If absent, there is no such port. */
    web: z
      .strictObject({
        /** Names under which browsers reach it, such as that of an ingress. */
        hosts: z.array(z.string().min(1).max(255)).max(64).default([]),
        console: z.boolean().default(true),
      })
      .optional(),
    ...placement,
  })
  .refine(({ rollout, route }) => rollout.kind !== 'canary' || route !== undefined, {
    message: 'a canary moves traffic on a route: add `route`',
    path: ['rollout'],
  })
  .refine(({ access, tls }) => access.kind !== 'certificates' || tls === 'certificate', {
    message: 'a mesh ends TLS before the gateway, which then sees no certificate of a client: use `certificate`',
    path: ['tls'],
  })
  .refine(({ access, route }) => access.kind !== 'certificates' || hasCredentials(access) || route === undefined, {
    message:
      'leads to the port without certificates, where nobody has a credential: add `issuers` or `apiKeys` to `access`',
    path: ['route'],
  })
  .refine(({ access, route }) => access.kind !== 'none' || route === undefined, {
    message: 'would open the cluster to everyone who reaches the route: add `access` with issuers or API keys',
    path: ['route'],
  });

/** Troupe's default number of shards on Cassandra. */
const defaultShardCount = 64;

export const shardsSchema = z
  .strictObject({
    replicas: z.int().min(1).max(256).default(3),
    cpuMilli: milliCores.default(2_000),
    memoryMb: mebibytes.min(512).default(4_096),
    drainSeconds: drainSeconds.default(30),
    /** Fixed when the cluster is created. A later change has no effect. */
    count: z.int().min(1).max(4_096).default(defaultShardCount),
    ...placement,
  })
  .refine(({ replicas, count }) => replicas <= count, {
    message: 'is at most `count`, because a node without a shard is never ready',
    path: ['replicas'],
  });

const scaling = z
  .discriminatedUnion('kind', [
    /** By demand: Troupe implements KEDA's external scaler protocol. */
    z.strictObject({
      kind: z.literal('keda'),
      min: z.int().min(0).max(10_000).default(2),
      max: z.int().min(1).max(10_000),
      /** Only jobs that wait in these queues count as demand. If absent, all queues count. */
      queues: z
        .array(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'a queue name'))
        .min(1)
        .max(100)
        .optional(),
      /**
       * Handlers that its nodes can run. If absent, the handlers that its nodes have announced; without a node these
       * are unknown.
       */
      handlers: z
        .array(z.string().regex(/^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,3}$/, 'a handler name'))
        .min(1)
        .max(100)
        .optional(),
      /** Replicas while the scaler does not answer, unless more are running. Default: `min`, at least 1. */
      fallback: z.int().min(1).max(10_000).optional(),
    }),
    z.strictObject({
      kind: z.literal('hpa-cpu'),
      min: z.int().min(1).max(10_000).default(2),
      max: z.int().min(1).max(10_000),
      targetCpuPercent: z.int().min(10).max(95).default(70),
    }),
    z.strictObject({ kind: z.literal('none'), replicas: z.int().min(0).max(10_000) }),
  ])
  .refine((scaling) => scaling.kind === 'none' || scaling.min <= scaling.max, {
    message: 'is at most `max`',
    path: ['min'],
  });

const tracks = ['blue', 'green'] as const;
export type Track = (typeof tracks)[number];

const workerRollout = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('rolling') }),
  /** Two Deployments with separate images. docs/operating/changing-versions.md has the steps and the way back. */
  z.strictObject({
    kind: z.literal('blue-green'),
    blue: image,
    green: image,
    /** The tracks that are scaled by demand. The other track has `standbyReplicas`. */
    serving: z
      .array(z.enum(tracks))
      .min(1)
      .max(2)
      .refine((serving) => new Set(serving).size === serving.length, 'names one twice'),
    standbyReplicas: z.int().min(0).max(1_000).default(0),
  }),
]);

const handlerEnv = z
  .record(z.string(), z.string().max(4_096))
  .refine((env) => Object.keys(env).length <= handlerVariablesMax, `at most ${handlerVariablesMax} variables`)
  .superRefine((env, context) => {
    for (const name of Object.keys(env)) {
      const problem = name.endsWith('*') ? 'must be a name' : problemOfHandlerVariable(name);
      if (problem !== undefined) context.addIssue({ code: 'custom', path: [name], message: problem });
    }
  });

/** Names, or their beginnings with `*`. */
const grantNames = z
  .array(
    z
      .string()
      .regex(/^[A-Za-z0-9._/-]{0,256}\*?$/)
      .min(1),
  )
  .min(1)
  .max(100);

const workerClassShape = z.strictObject({
  /** Short, because the name of its pods is also the name of a Troupe node, which has at most 63 characters. */
  name: dnsLabel.max(24),
  /** An image with the handlers of this class, built FROM Troupe's image. Default: the environment's image. */
  image: image.optional(),
  handlerDirs: z.array(z.string().startsWith('/')).min(1).max(20).default(['/handlers']),
  /** Whose jobs its nodes take (`workers.tenants`). Default: those of all tenants that are not dedicated. */
  tenants: poolTenants,
  /** Number of threads. Also the CPU request and limit. */
  cores: wholeCores,
  /** Heap of one thread in MiB (`workers.memoryMb`). */
  threadMemoryMb: mebibytes.max(65_536).default(512),
  /** The largest heap that a handler may request, in MiB (`workers.memoryMaxMb`). Default: `threadMemoryMb`. */
  threadMemoryMaxMb: mebibytes.max(65_536).optional(),
  /**
   * Memory request and limit of the pod in MiB. Default: the least that holds all threads (config/worker-memory.ts).
   */
  memoryMb: mebibytes.optional(),
  /** Disk for inputs that its handlers take as files (`ctx.input.file()`), in GiB. 0: they cannot. */
  scratchGb: z.int().min(0).max(16_384).default(0),
  cells: z.int().min(1).max(64).default(1),
  drainSeconds: drainSeconds.default(120),
  scaling,
  /**
   * Pods report to Kubernetes how busy they are, so that the least busy one is removed first. For this they hold a
   * token that may patch pods, and handlers can read it. Use this only for trusted handlers. Needs
   * `network.kubernetesApi`. Default: false.
   */
  podDeletionCost: z.boolean().default(false),
  rollout: workerRollout.default({ kind: 'rolling' }),
  /**
   * The variables that its handlers see in `process.env`; they see no others. Do not put secrets here: the values are
   * stored in objects and in the state.
   */
  env: handlerEnv.default({}),
  /** Secrets that its handlers read. Each is mounted as the folder /secrets/NAME. */
  secrets: z.array(dnsLabel).max(20).default([]),
  /**
   * Which handlers get which of their values with `ctx.secret('NAME/KEY')`, in jobs of which tenants: `workers.secrets.grants` of
   * its nodes. Default: none.
   */
  secretGrants: z
    .array(z.strictObject({ secrets: grantNames, handlers: grantNames, tenants: grantNames }))
    .max(100)
    .default([]),
  /** Destinations that its handlers may reach, in addition to Troupe's own. Everything else is closed. */
  egress: z
    .array(
      z.strictObject({ name: dnsLabel.max(24), to: z.array(peer).min(1).max(20), ports: z.array(port).min(1).max(20) }),
    )
    .max(20)
    .default([]),
  ...placement,
});

export type WorkerClassConfig = z.infer<typeof workerClassShape>;

/** Checks the relations between the keys of a class. */
function brokenRelations(workers: WorkerClassConfig): readonly { readonly path: string[]; readonly message: string }[] {
  const { cores, cells, threadMemoryMb, threadMemoryMaxMb = threadMemoryMb, memoryMb, scaling, rollout } = workers;
  const leastMb = leastPodMemoryMb(workers);
  const names = workers.egress.map(({ name }) => name);
  const blueGreen = rollout.kind === 'blue-green';
  const relations = [
    { holds: cells <= cores, path: ['cells'], message: 'is at most `cores`' },
    {
      holds: threadMemoryMb <= threadMemoryMaxMb,
      path: ['threadMemoryMaxMb'],
      message: 'is at least `threadMemoryMb`',
    },
    {
      holds: memoryMb === undefined || memoryMb >= leastMb,
      path: ['memoryMb'],
      message: `${cores} threads need at least ${leastMb} MiB (config/worker-memory.ts)`,
    },
    {
      holds: !(blueGreen && scaling.kind === 'hpa-cpu'),
      path: ['scaling', 'kind'],
      message: 'blue-green needs `keda` or `none`, because an HPA cannot keep the standby track at a fixed size',
    },
    {
      holds: !(blueGreen && workers.image),
      path: ['image'],
      message: 'the images are set in `rollout`',
    },
    { holds: new Set(names).size === names.length, path: ['egress'], message: 'two edges have one name' },
  ];
  return relations.filter(({ holds }) => !holds);
}

const workerClassSchema = workerClassShape.check(({ value, issues }) => {
  // Relations are checked only if every value is valid in itself.
  if (issues.length > 0) return;
  for (const { path, message } of brokenRelations(value)) {
    issues.push({ code: 'custom', input: value, path: [...path], message });
  }
});

/**
 * Classes that may have no node, so that their handlers are unknown. They would be scaled up by jobs for other classes.
 */
function unknownDemand(classes: readonly WorkerClassConfig[]): readonly number[] {
  const isOnlyOne = classes.length === 1 && classes[0]?.rollout.kind === 'rolling';
  return classes.flatMap(({ scaling }, index) => {
    const known = scaling.kind !== 'keda' || scaling.min > 0 || scaling.handlers || scaling.queues;
    return known || isOnlyOne ? [] : [index];
  });
}

/** The names of a class in Troupe and Kubernetes: its own name, or those of its tracks. */
export function namesOfClass({ name, rollout }: WorkerClassConfig): readonly string[] {
  return rollout.kind === 'blue-green' ? tracks.map((track) => `${name}-${track}`) : [name];
}

export const workersSchema = z
  .array(workerClassSchema)
  .min(1)
  .max(50)
  .check(({ value, issues }) => {
    if (issues.length > 0) return;
    const names = value.flatMap(namesOfClass);
    if (new Set(names).size !== names.length) {
      issues.push({ code: 'custom', input: value, path: [], message: 'two classes have one name' });
    }
    for (const index of unknownDemand(value)) {
      const message =
        'without a node nobody knows what it can run, and there are other classes: give `handlers` or `queues`';
      issues.push({ code: 'custom', input: value, path: [index, 'scaling'], message });
    }
  });

export type GatewayConfig = z.infer<typeof gatewaySchema>;
