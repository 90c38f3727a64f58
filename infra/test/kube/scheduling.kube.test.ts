/**
 * What a deploy becomes when Kubernetes itself runs it: the real controller manager and scheduler place the pods on
 * machines that kwok plays, in three zones. No container runs, and no network policy is enforced.
 */
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { zones } from './control-plane.ts';
import { type Deployment, makeDeployment } from './deployment.ts';
import { imageTwo, kubeEnvironment, stacks } from './environments.ts';
import { evict } from './eviction.ts';
import { deployParts, useControlPlane } from './fixture.ts';
import { addNodes } from './nodes.ts';
import { until } from './processes.ts';
import { watchAvailability } from './watch.ts';
import { isReady, namespace, podsOf, type Workload, workloads, zoneOf } from './workloads.ts';

const settleMs = 120_000;

/** Replicas of each workload: of the gateway the least, which its autoscaler sees to; of the scaled workers what the test sets. */
const wanted = new Map([
  ['troupe-gateway', 3],
  ['troupe-shards', 3],
  ['troupe-workers-fixed', 6],
  ['troupe-workers-scaled', 4],
]);

describe('what was deployed, run by Kubernetes', () => {
  let deployment: Deployment;
  const plane = useControlPlane({
    extent: 'machines',
    needs: deployParts,
    prepare: async ({ folder, kubeconfigPath, kubectl }) => {
      await addNodes(kubectl);
      deployment = makeDeployment(folder);
      deployment.writeEnvironment(kubeEnvironment(kubeconfigPath));
      await deploy();
      await kubectl(['scale', '-n', namespace, 'deployment/troupe-workers-scaled', '--replicas=4']);
    },
  });

  async function deploy(): Promise<void> {
    const { succeeded, text } = await deployment.cdktf('deploy', ...stacks);
    if (!succeeded) throw new Error(text);
  }

  /** Resolves with the workloads once each has all of its pods, of its newest version and ready, and no others. */
  function untilSettled(): Promise<readonly Workload[]> {
    return until('all pods are ready', settleMs, async () => {
      const found = await workloads(plane().kubectl);
      const counts = new Map(
        found.map(({ metadata: { name, generation }, spec, status }) => {
          const { replicas, updatedReplicas, availableReplicas, observedGeneration } = status;
          const reached = [replicas, updatedReplicas, availableReplicas].every((count) => count === spec.replicas);
          return [name, reached && observedGeneration === generation ? spec.replicas : JSON.stringify(status)] as const;
        }),
      );
      if (isDeepStrictEqual(counts, wanted)) return found;
      throw new Error([...counts].map(([name, count]) => `${name} ${count}`).join(', '));
    });
  }

  it('runs every pod of every workload', async () => {
    for (const workload of await untilSettled()) {
      const pods = await podsOf(plane().kubectl, workload);
      expect(pods.map((pod) => `${pod.status.phase} ${isReady(pod)}`)).toEqual(
        Array.from({ length: workload.spec.replicas }, () => 'Running true'),
      );
    }
  });

  it('spreads the pods of each workload over the zones', async () => {
    for (const workload of await untilSettled()) {
      const pods = await podsOf(plane().kubectl, workload);
      const perZone = zones.map((zone) => pods.filter((pod) => zoneOf(pod) === zone).length);
      expect(Math.max(...perZone) - Math.min(...perZone), workload.metadata.name).toBeLessThanOrEqual(1);
    }
  });

  it('evicts no more pods of a gateway at once than its budget allows', async () => {
    const { kubectl, kubeconfigPath } = plane();
    const gateway = (await untilSettled()).find(({ metadata }) => metadata.name === 'troupe-gateway');
    if (gateway === undefined) throw new Error('there is no gateway');
    const [first, second] = await podsOf(kubectl, gateway);
    if (first === undefined || second === undefined) throw new Error('the gateway has fewer than two pods');
    // Nothing can take the place of the first, so the budget stays spent until the nodes take pods again.
    await kubectl(['cordon', '-l', 'topology.kubernetes.io/zone']);
    expect(await evict(kubeconfigPath, namespace, first.metadata.name)).toBe(201);
    expect(await evict(kubeconfigPath, namespace, second.metadata.name)).toBe(429);
    await kubectl(['uncordon', '-l', 'topology.kubernetes.io/zone']);
    await untilSettled();
    await until('the budget allows one again', settleMs, async () => {
      const status = await evict(kubeconfigPath, namespace, second.metadata.name);
      return status === 201 || undefined;
    });
  });

  it('rolls to a new image without a pod less than before', async () => {
    const before = await untilSettled();
    const watch = watchAvailability(plane().kubeconfigPath, namespace);
    deployment.writeEnvironment(kubeEnvironment(plane().kubeconfigPath, { image: imageTwo }));
    await deploy();
    const after = await untilSettled();
    const seen = await watch.stop();
    for (const { metadata, spec } of before) {
      const counts = seen.get(metadata.name) ?? [];
      expect({ name: metadata.name, least: Math.min(...counts) }).toEqual({
        name: metadata.name,
        least: spec.replicas,
      });
      expect(counts.length).toBeGreaterThan(1);
    }
    for (const workload of after) {
      const images = (await podsOf(plane().kubectl, workload)).flatMap(({ spec }) =>
        spec.containers.map(({ image }) => image),
      );
      expect(new Set(images)).toEqual(new Set([`${imageTwo.repository}:${imageTwo.tag}`]));
    }
  });

  it('has all pods again, in the two zones that are left, when a zone is lost', async () => {
    await untilSettled();
    await plane().loseZone('zone-c');
    await until('the pods of the lost zone run in the others', settleMs, async () => {
      for (const workload of await workloads(plane().kubectl)) {
        const ready = (await podsOf(plane().kubectl, workload)).filter(isReady);
        const left = ready.filter((pod) => zoneOf(pod) !== 'zone-c');
        if (left.length < workload.spec.replicas) {
          throw new Error(`${workload.metadata.name}: ${left.length} of ${workload.spec.replicas}`);
        }
      }
      return true;
    });
  });
});
