/** The methods of Cluster. Each maps a request, calls its use case and maps the answer. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { durationMs } from '../contract/time.ts';
import { toActor, toDeadLetters, toInspection, toNode, toShard } from './cluster-mapper.ts';
import { toQueue } from './queue-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

export function clusterService({ useCases, scope, admission }: ServiceParts): UntypedServiceImplementation {
  const { seeCluster, steerCluster, watchTree } = useCases;
  return {
    ListNodes: scope.read('ListNodes', async (_request, context) => ({
      nodes: (await seeCluster.nodes(context)).map(toNode),
    })),

    ListShards: scope.read('ListShards', async (_request, context) => {
      const { shards, silentNodes } = await seeCluster.shards(context);
      return { shards: shards.map(toShard), silentNodes };
    }),

    GetTree: scope.read('GetTree', async (request, context) => {
      const { actors, omitted } = await seeCluster.tree(context, request);
      return { actors: actors.map(toActor), omitted };
    }),

    WatchTree: scope.stream('WatchTree', ({ node, path, interval }, context) =>
      admission.watch(
        () => watchTree(context, { node, path, intervalMs: durationMs(interval) }),
        (change) => ({ ...change, changed: change.changed.map(toActor) }),
      ),
    ),

    Inspect: scope.read('Inspect', async (request, context) =>
      toInspection(await seeCluster.inspect(context, request)),
    ),

    ListDeadLetters: scope.read('ListDeadLetters', async (request, context) =>
      toDeadLetters(await seeCluster.deadLetters(context, request)),
    ),

    DrainNode: scope.unary('DrainNode', async (request, context) => ({
      node: toNode(await steerCluster.drain(context, request.node)),
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
