/** What a process tells Kubernetes about its own pod. */
import { z } from 'zod';
import { key, path } from './schema-key.ts';

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
const name = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be a name of Kubernetes');

export const kubernetesSection = z.strictObject({
  podDeletionCost: key(z.boolean().default(false), {
    meaning:
      'Tells Kubernetes what it loses with this pod (`controller.kubernetes.io/pod-deletion-cost`), by the runs on it.',
    consequence:
      'Scaling down takes the pod with the least to lose first. Needs a service account that may `patch` `pods`.',
  }),
  podName: key(name.optional(), {
    meaning: 'Name of the pod that this process runs in (`metadata.name` by the downward API).',
    consequence: 'Needed with `podDeletionCost`.',
    defaultNote: 'none',
  }),
  podNamespace: key(name.optional(), {
    meaning: 'Namespace of that pod (`metadata.namespace`).',
    consequence: 'Needed with `podDeletionCost`.',
    defaultNote: 'none',
  }),
  apiUrl: key(z.url({ protocol: /^https$/ }).default('https://kubernetes.default.svc'), {
    meaning: 'Where the API of Kubernetes answers.',
    consequence: 'The default is its name inside every cluster.',
  }),
  tokenPath: key(path.default(`${accountFolder}/token`), {
    meaning: 'File with the token of the service account.',
    consequence: 'Read at each call, so that it may be exchanged while the process runs.',
  }),
  caPath: key(path.default(`${accountFolder}/ca.crt`), {
    meaning: 'PEM file with the authorities that vouch for the API.',
    consequence: 'Read at each call. The token is sent to nobody else.',
  }),
});
