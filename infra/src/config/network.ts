/** Who may talk to whom beyond Troupe's own pods: everything else is closed. */
import { z } from 'zod';
import { dnsLabel, labels, port } from './primitives.ts';

export const peer = z.discriminatedUnion('kind', [
  /** Pods, by their labels, in namespaces, by theirs. No labels: all of them. */
  z.strictObject({ kind: z.literal('pods'), namespaceLabels: labels.default({}), podLabels: labels.default({}) }),
  z.strictObject({
    kind: z.literal('addresses'),
    cidr: z.union([z.cidrv4(), z.cidrv6()], { error: 'addresses such as 10.0.0.0/8' }),
  }),
]);

export const networkSchema = z.strictObject({
  /** Who may call the gateways. A gateway of the Gateway API that has a route to them may as well. */
  clients: z
    .array(peer)
    .min(1)
    .max(50)
    .default([{ kind: 'pods', namespaceLabels: {}, podLabels: {} }]),
  /** Who answers names; add its addresses where a cache runs on each machine (169.254.20.10/32). */
  dns: z
    .array(peer)
    .min(1)
    .max(10)
    .default([
      {
        kind: 'pods',
        namespaceLabels: { 'kubernetes.io/metadata.name': 'kube-system' },
        podLabels: { 'k8s-app': 'kube-dns' },
      },
    ]),
  /** Where the API of Kubernetes answers, behind its Service: for classes with `podDeletionCost`. */
  kubernetesApi: z
    .strictObject({
      to: z.array(peer).min(1).max(20),
      ports: z.array(port).min(1).max(5).default([443, 6_443]),
    })
    .optional(),
  /** Where KEDA runs; it asks the gateways for the demand. */
  kedaNamespace: dnsLabel.default('keda'),
  /** Where Prometheus runs; it scrapes all pods. */
  prometheusNamespace: dnsLabel.default('monitoring'),
});

export type Peer = z.infer<typeof peer>;
export type NetworkConfig = z.infer<typeof networkSchema>;
