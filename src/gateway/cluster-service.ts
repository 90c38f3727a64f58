/** The methods of Cluster. Each maps a request, calls its use case and maps the answer. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type * as wire from '../contract/messages.ts';
import { durationMs } from '../contract/time.ts';
import { toActor, toDeadLetters, toInspection, toNode, toShard } from './cluster-mapper.ts';
import { toQueue } from './queue-mapper.ts';
import type { ServiceParts } from './service-parts.ts';

export function clusterService({ useCases, scope, admission }: ServiceParts): UntypedServiceImplementation {
  const { seeCluster, steerCluster, watchTree } = useCases;
  return {
    ListNodes: scope.read<wire.ListNodesRequest, wire.ListNodesResponse>('ListNodes', async (_request, context) => ({
      nodes: (await seeCluster.nodes(context)).map(toNode),
    })),

    ListShards: scope.read<wire.ListShardsRequest, wire.ListShardsResponse>('ListShards', async (_request, context) => {
      const { shards, silentNodes } = await seeCluster.shards(context);
      return { shards: shards.map(toShard), silentNodes };
    }),

    GetTree: scope.read<wire.GetTreeRequest, wire.GetTreeResponse>('GetTree', async (request, context) => {
      const { actors, omitted } = await seeCluster.tree(context, request);
      return { actors: actors.map(toActor), omitted };
    }),

    WatchTree: scope.stream<wire.WatchTreeRequest, wire.WatchTreeResponse>(
      'WatchTree',
      ({ node, path, interval }, context) =>
        admission.watch(
          () => watchTree(context, { node, path, intervalMs: durationMs(interval) }),
          (change) => ({ ...change, changed: change.changed.map(toActor) }),
        ),
    ),

    Inspect: scope.read<wire.InspectRequest, wire.InspectResponse>('Inspect', async (request, context) =>
      toInspection(await seeCluster.inspect(context, request)),
    ),

    ListDeadLetters: scope.read<wire.ListDeadLettersRequest, wire.ListDeadLettersResponse>(
      'ListDeadLetters',
      async (request, context) => toDeadLetters(await seeCluster.deadLetters(context, request)),
    ),

    DrainNode: scope.unary<wire.DrainNodeRequest, wire.DrainNodeResponse>('DrainNode', async (request, context) => ({
      node: toNode(await steerCluster.drain(context, request.node)),
    })),

    QuarantineQueue: scope.unary<wire.QuarantineQueueRequest, wire.QuarantineQueueResponse>(
      'QuarantineQueue',
      async (request, context) => ({ queue: toQueue(await steerCluster.quarantine(context, request)) }),
    ),

    ResumeQueue: scope.unary<wire.ResumeQueueRequest, wire.ResumeQueueResponse>(
      'ResumeQueue',
      async (request, context) => ({ queue: toQueue(await steerCluster.resume(context, request.queue)) }),
    ),

    ProfileRun: scope.stream<wire.ProfileRunRequest, wire.ProfileRunResponse>(
      'ProfileRun',
      ({ jobId, duration }, context) =>
        admission.watch(
          () => steerCluster.profile(context, { jobId, durationMs: durationMs(duration) }),
          (part) => ({ part }),
        ),
    ),
  };
}
