/**
 * The methods of Cluster. Nodes already use the messages of the contract, so their answers are passed on, but for what the
 * caller may not see.
 */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { durationMs } from '../contract/time.ts';
import { createOverviewMapper } from './overview-mapper.ts';
import { loadContract } from '../contract/codec.ts';
import { toQueue } from './queue-mapper.ts';
import type { ServiceParts } from './service-parts.ts';
import { actorsFor, reportsFor } from './tree-reader.ts';

export function clusterService({ useCases, scope, admission }: ServiceParts): UntypedServiceImplementation {
  const { seeCluster, steerCluster, watchTree } = useCases;
  const { GetOverview } = loadContract().cluster;
  const toOverview = createOverviewMapper((answer) => GetOverview.responseSerialize(answer).length);
  return {
    GetOverview: scope.read('GetOverview', async (request, context) =>
      toOverview(await useCases.getOverview(context, request)),
    ),

    ListNodes: scope.read('ListNodes', async (_request, context) => ({ nodes: await seeCluster.nodes(context) })),

    ListShards: scope.read('ListShards', (_request, context) => seeCluster.shards(context)),

    GetTree: scope.read('GetTree', async (request, context) => {
      const tree = await seeCluster.tree(context, request);
      return { ...tree, actors: actorsFor(context.principal, tree.actors) };
    }),

    WatchTree: scope.stream('WatchTree', ({ node, path, interval }, context) =>
      admission.watch(
        context.tenant,
        () => watchTree(context, { node, path, intervalMs: durationMs(interval) }),
        (change) => ({ ...change, changed: actorsFor(context.principal, change.changed) }),
      ),
    ),

    Inspect: scope.read('Inspect', async (request, context) => {
      const seen = await seeCluster.inspect(context, request);
      return { ...seen, actors: reportsFor(context.principal, seen.actors) };
    }),

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
        context.tenant,
        () => steerCluster.profile(context, { jobId, durationMs: durationMs(duration) }),
        (part) => ({ part }),
      ),
    ),
  };
}
