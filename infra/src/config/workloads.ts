/** What runs Troupe itself on Kubernetes: gateways, shard nodes, classes of workers. */
import { z } from 'zod';
import { dnsLabel, image, labels, mebibytes, milliCores, seconds, wholeCores } from './primitives.ts';

const replicaRange = z
  .strictObject({ min: z.int().min(1).max(1_000), max: z.int().min(1).max(1_000) })
  .refine(({ min, max }) => min <= max, { message: 'is at most `max`', path: ['min'] });

const placement = {
  /** Labels of the nodes of Kubernetes that may run it. */
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
};

/** From SIGTERM to the end of all that a node does; the pod gets it and a little more (objects/pods.ts). */
const drainSeconds = seconds.min(1);

export const gatewaySchema = z.strictObject({
  replicas: replicaRange.default({ min: 2, max: 10 }),
  cpuMilli: milliCores.default(1_000),
  memoryMb: mebibytes.default(1_024),
  drainSeconds: drainSeconds.default(30),
  /** Average use of its CPU at which another gateway comes. */
  targetCpuPercent: z.int().min(10).max(95).default(70),
  /** `canary`: an Argo Rollout that moves traffic by a Gateway API route in steps. */
  rollout: z.enum(['rolling', 'canary']).default('rolling'),
  /** A GRPCRoute of the Gateway API; without one clients inside the cluster use the headless Service. */
  route: z
    .strictObject({ gateway: dnsLabel, gatewayNamespace: dnsLabel, hostname: z.string().min(1).max(253) })
    .optional(),
  ...placement,
});

export const shardsSchema = z.strictObject({
  replicas: z.int().min(1).max(256).default(3),
  cpuMilli: milliCores.default(2_000),
  memoryMb: mebibytes.default(4_096),
  drainSeconds: drainSeconds.default(30),
  /** Fixed when the cluster is created; a later change is refused by the nodes. */
  count: z.int().min(1).max(4_096).optional(),
  ...placement,
});

export const workerClassSchema = z.strictObject({
  name: dnsLabel.max(40),
  /** An image with this class's handlers, made FROM Troupe's own; absent: the environment's. */
  image: image.optional(),
  handlerDirs: z.array(z.string().startsWith('/')).min(1).max(20).default(['/handlers']),
  /** Threads. Request and limit. */
  cores: wholeCores,
  /** Heap of one thread, in MiB (`workers.memoryMb`). */
  threadMemoryMb: mebibytes.default(512),
  /** Request and limit of the pod. Absent: threads times the heap, and what the node itself and its cells take. */
  memoryMb: mebibytes.optional(),
  cells: z.int().min(1).max(64).default(1),
  drainSeconds: drainSeconds.default(120),
  scaling: z
    .discriminatedUnion('kind', [
      /** By demand: Troupe answers KEDA's external scaler protocol. */
      z.strictObject({
        kind: z.literal('keda'),
        min: z.int().min(0).max(10_000).default(2),
        max: z.int().min(1).max(10_000),
        /** Replicas while the scaler does not answer. */
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
    }),
  /** `blue-green`: a second Deployment with the new image beside the old one, which drains when the new one serves. */
  rollout: z.enum(['rolling', 'blue-green']).default('rolling'),
  ...placement,
});

export type GatewayConfig = z.infer<typeof gatewaySchema>;
export type ShardsConfig = z.infer<typeof shardsSchema>;
export type WorkerClassConfig = z.infer<typeof workerClassSchema>;
