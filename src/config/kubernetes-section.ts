/** What a process reports to Kubernetes about its own pod. */
import { z } from 'zod';
import { key, path } from './schema-key.ts';

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
const name = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be a Kubernetes name (a-z 0-9 . -)');

export const kubernetesSection = z.strictObject({
  podDeletionCost: key(z.boolean().default(false), {
    meaning:
      'Reports to Kubernetes how much work this pod has (`controller.kubernetes.io/pod-deletion-cost`), by its running attempts.',
    consequence:
      'A scale-down removes the pod with the least work first. Needs a service account that may `patch` `pods`.',
  }),
  podName: key(name.optional(), {
    meaning: 'Name of the pod of this process (`metadata.name` from the downward API).',
    consequence: 'Needed with `podDeletionCost`.',
    defaultNote: 'none',
  }),
  podNamespace: key(name.optional(), {
    meaning: 'Namespace of that pod (`metadata.namespace`).',
    consequence: 'Needed with `podDeletionCost`.',
    defaultNote: 'none',
  }),
  apiUrl: key(z.url({ protocol: /^https$/ }).default('https://kubernetes.default.svc'), {
    meaning: 'Address of the Kubernetes API.',
    consequence: 'The default is its name inside a cluster.',
  }),
  tokenPath: key(path.default(`${accountFolder}/token`), {
    meaning: 'File with the token of the service account.',
    consequence: 'Read at each call, so you may replace it while the process runs.',
  }),
  caPath: key(path.default(`${accountFolder}/ca.crt`), {
    meaning: 'PEM file with the certificate authorities of the API.',
    consequence: 'Read at each call. The token is sent only to a server that they have certified.',
  }),
});
