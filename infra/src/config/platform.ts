/** What a Kubernetes cluster must have before Troupe comes: operators, each by its chart or there already; secrets, certificates, state. */
import { z } from 'zod';
import { dnsLabel, labels } from './primitives.ts';

/** `present`: somebody else installs it. */
const operator = (chartVersion: string) =>
  z.union([
    z.literal('present'),
    z.strictObject({ chartVersion: z.string().default(chartVersion), namespace: dnsLabel }),
  ]);

export const platformSchema = z.strictObject({
  keda: operator('2.21.0').default('present'),
  certManager: operator('v1.21.2').default('present'),
  externalSecrets: operator('1.3.2').default('present'),
  k8ssandra: operator('1.32.5').default('present'),
  argoRollouts: operator('2.41.0').default('present'),
});

/** Who puts the Secrets in place. */
export const secretsSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('external-secrets'),
    store: z.strictObject({ kind: z.enum(['SecretStore', 'ClusterSecretStore']), name: dnsLabel }),
    /** Where in the store the secrets of this environment lie, such as `troupe/production`. */
    prefix: z.string().min(1).max(200),
    refreshMinutes: z.int().min(1).max(1_440).default(60),
  }),
  z.strictObject({ kind: z.literal('existing') }),
]);

export const certificatesSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('cert-manager'),
    issuer: z.strictObject({ kind: z.enum(['Issuer', 'ClusterIssuer']), name: dnsLabel }),
  }),
  /** Secrets with the names that docs/operating names are there already. */
  z.strictObject({ kind: z.literal('existing') }),
]);

export const stateSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local') }),
  z.strictObject({
    kind: z.literal('s3'),
    bucket: z.string().min(3).max(63),
    region: z.string().min(1),
    prefix: z.string().min(1).default('troupe'),
  }),
  z.strictObject({ kind: z.literal('http'), address: z.url() }),
]);

export const observabilitySchema = z.strictObject({
  /** Labels by which the Prometheus of this cluster finds its monitors and rules. */
  labels: labels.default({}),
  dashboards: z.boolean().default(true),
  /** Where a collector sends what it scrapes, by OTLP; absent: no collector. */
  otlpEndpoint: z.string().min(1).optional(),
});

export const clusterSchema = z.strictObject({
  kubeconfigPath: z.string().min(1).default('~/.kube/config'),
  context: z.string().min(1).optional(),
  /** Two publishers of one provider; the objects are the same. */
  provider: z.enum(['gavinbunney/kubectl', 'alekc/kubectl']).default('gavinbunney/kubectl'),
});

export type PlatformConfig = z.infer<typeof platformSchema>;
export type SecretsConfig = z.infer<typeof secretsSchema>;
export type CertificatesConfig = z.infer<typeof certificatesSchema>;
export type StateConfig = z.infer<typeof stateSchema>;
export type ObservabilityConfig = z.infer<typeof observabilitySchema>;
