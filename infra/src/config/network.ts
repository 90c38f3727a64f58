/** Network access beyond Troupe's own pods. Everything that is not listed is closed. */
import { z } from 'zod';
import { dnsLabel, labels, port } from './primitives.ts';

export const peer = z.discriminatedUnion('kind', [
  /** Pods by their labels, in namespaces by their labels. No labels: all of them. */
  z.strictObject({ kind: z.literal('pods'), namespaceLabels: labels.default({}), podLabels: labels.default({}) }),
  z.strictObject({
    kind: z.literal('addresses'),
    cidr: z.union([z.cidrv4(), z.cidrv6()], { error: 'addresses such as 10.0.0.0/8' }),
  }),
]);

export const networkSchema = z.strictObject({
  /** Clients of the gateways. A gateway of the Gateway API with a route to them has access, too. */
  clients: z
    .array(peer)
    .min(1)
    .max(50)
    .default([{ kind: 'pods', namespaceLabels: {}, podLabels: {} }]),
  /** DNS servers. If each machine runs a DNS cache, add its address (169.254.20.10/32). */
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
  /** The endpoints behind the Service of the Kubernetes API. Needed for classes with `podDeletionCost`. */
  kubernetesApi: z
    .strictObject({
      to: z.array(peer).min(1).max(20),
      ports: z.array(port).min(1).max(5).default([443, 6_443]),
    })
    .optional(),
  /** Namespace of KEDA, which asks the gateways for the demand. */
  kedaNamespace: dnsLabel.default('keda'),
  /** Namespace of Prometheus, which scrapes all pods. */
  prometheusNamespace: dnsLabel.default('monitoring'),
});

export type Peer = z.infer<typeof peer>;
export type NetworkConfig = z.infer<typeof networkSchema>;
