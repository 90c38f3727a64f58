/** What a Kubernetes cluster must have before Troupe comes: operators, each by its chart or there already; secrets, certificates, state. */
import { z } from 'zod';
import { dnsLabel, hostPort, labels } from './primitives.ts';

const installed = (chartVersion: string) => ({
  chartVersion: z.string().min(1).default(chartVersion),
  namespace: dnsLabel,
});

/** `present`: somebody else installs it. */
const operator = (chartVersion: string) => z.union([z.literal('present'), z.strictObject(installed(chartVersion))]);

/** Built for the machines that Argo Rollouts runs on. */
const gatewayPlugin = z.strictObject({
  location: z
    .url()
    .default(
      'https://github.com/argoproj-labs/rollouts-plugin-trafficrouter-gatewayapi/releases/download/v0.8.0/gatewayapi-plugin-linux-amd64',
    ),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits')
    .optional(),
});

export const platformSchema = z.strictObject({
  keda: operator('2.21.0').default('present'),
  certManager: operator('v1.21.2').default('present'),
  externalSecrets: operator('1.3.2').default('present'),
  k8ssandra: operator('1.32.5').default('present'),
  argoRollouts: z
    .union([
      z.literal('present'),
      z.strictObject({ ...installed('2.41.0'), gatewayPlugin: gatewayPlugin.prefault({}) }),
    ])
    .default('present'),
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
  /** The Secrets that docs/operating/secrets.md names are there already. */
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
  /** What links of alerts begin with: where docs/operating/alerts.md can be read. */
  runbookUrl: z.string().min(1).default('docs/operating/alerts.md'),
  thresholds: z
    .strictObject({
      /** A queue whose oldest job waits longer than this is late. */
      queueWaitSeconds: z.int().min(1).max(604_800).default(600),
      /** Share of calls that the gateways must not fail by their own fault, over 30 days. */
      availability: z.number().min(0.9).max(0.99999).default(0.999),
    })
    .prefault({}),
  dashboards: z.boolean().default(true),
  /** Where a collector sends what it scrapes, by OTLP; absent: no collector. */
  otlpEndpoint: hostPort.optional(),
  collectorImage: z.string().min(1).default('otel/opentelemetry-collector-contrib:0.139.0'),
});

export const clusterSchema = z.strictObject({
  kubeconfigPath: z.string().min(1).default('~/.kube/config'),
  context: z.string().min(1).optional(),
  /** Two publishers of one provider; the objects are the same. */
  provider: z.enum(['gavinbunney/kubectl', 'alekc/kubectl']).default('gavinbunney/kubectl'),
});

export type PlatformConfig = z.infer<typeof platformSchema>;
