/** Machines that kwok plays: two in each of three zones, large enough for what the tests run on them. */
import type { Kubectl } from './kubectl.ts';
import { zones } from './control-plane.ts';

const nodesPerZone = 2;
const readyTimeout = '--timeout=60s';
const resources = { cpu: '32', memory: '128Gi', pods: '110' };

export async function addNodes(kubectl: Kubectl): Promise<void> {
  const items = zones.flatMap((zone) =>
    Array.from({ length: nodesPerZone }, (_, index) => {
      const name = `${zone}-${index + 1}`;
      return {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name,
          labels: {
            'kubernetes.io/hostname': name,
            'kubernetes.io/os': 'linux',
            'kubernetes.io/arch': 'amd64',
            'topology.kubernetes.io/zone': zone,
          },
        },
        status: { allocatable: resources, capacity: resources },
      };
    }),
  );
  await kubectl(['create', '-f', '-'], { apiVersion: 'v1', kind: 'List', items });
  await kubectl(['wait', '--for=condition=Ready', 'nodes', '--all', readyTimeout]);
}
