/**
 * The methods of Cluster. Answers of nodes are passed on unchanged, because nodes already use the messages of the
 * contract.
 */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { durationMs } from '../contract/time.ts';
import { toQueue } from './queue-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

export function clusterService({ useCases, scope, admission }: ServiceParts): UntypedServiceImplementation {
  const { seeCluster, steerCluster, watchTree } = useCases;
  return {
    ListNodes: scope.read('ListNodes', async (_request, context) => ({ nodes: await seeCluster.nodes(context) })),

    ListShards: scope.read('ListShards', (_request, context) => seeCluster.shards(context)),

    GetTree: scope.read('GetTree', (request, context) => seeCluster.tree(context, request)),

    WatchTree: scope.stream('WatchTree', ({ node, path, interval }, context) =>
      admission.watch(
        () => watchTree(context, { node, path, intervalMs: durationMs(interval) }),
        (change) => change,
      ),
    ),

    Inspect: scope.read('Inspect', (request, context) => seeCluster.inspect(context, request)),

    ListDeadLetters: scope.read('ListDeadLetters', (request, context) => seeCluster.deadLetters(context, request)),

    DrainNode: scope.unary('DrainNode', async (request, context) => ({
      node: await steerCluster.drain(context, request.node),
    })),

    QuarantineQueue: scope.unary('QuarantineQueue', async (request, context) => ({
      queue: toQueue(await steerCluster.quarantine(context, request)),
    })),

    ResumeQueue: scope.unary('ResumeQueue', async (request, context) => ({
      queue: toQueue(await steerCluster.resume(context, request.queue)),
    })),

    ProfileRun: scope.stream('ProfileRun', ({ jobId, duration }, context) =>
      admission.watch(
        () => steerCluster.profile(context, { jobId, durationMs: durationMs(duration) }),
        (part) => ({ part }),
      ),
    ),
  };
}
