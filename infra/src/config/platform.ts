/**
 * What a Kubernetes cluster needs before Troupe is installed: operators (from their charts, or already present),
 * secrets, certificates and state.
 */
import { z } from 'zod';
import { dnsLabel, hostPort, labels } from './primitives.ts';

const installed = (chartVersion: string) => ({
  chartVersion: z.string().min(1).default(chartVersion),
  namespace: dnsLabel,
});

/** `present` means that the operator is installed elsewhere. */
const operator = (chartVersion: string) => z.union([z.literal('present'), z.strictObject(installed(chartVersion))]);

/** The plugin is a binary, so it must match the architecture of the machines that run Argo Rollouts. */
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

/** How the Secrets are created. */
export const secretsSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('external-secrets'),
    store: z.strictObject({ kind: z.enum(['SecretStore', 'ClusterSecretStore']), name: dnsLabel }),
    /** Prefix of this environment's secrets in the store, such as `troupe/production`. */
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
  /** The Secrets that docs/operating/secrets.md names exist already. */
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

export const observabilitySchema = z
  .strictObject({
    /** Labels by which Prometheus selects our monitors and rules. */
    labels: labels.default({}),
    /** Base of the links in alerts: where docs/operating/alerts.md is published. */
    runbookUrl: z.string().min(1).default('docs/operating/alerts.md'),
    thresholds: z
      .strictObject({
        /** A queue is late if its oldest job has waited longer than this. */
        queueWaitSeconds: z.int().min(1).max(604_800).default(600),
        /** Target share of calls, over 30 days, that do not fail by the gateways' own fault. */
        availability: z.number().min(0.9).max(0.99999).default(0.999),
      })
      .prefault({}),
    dashboards: z.boolean().default(true),
    /** Where a collector sends the metrics by OTLP. If absent, there is no collector. */
    otlpEndpoint: hostPort.optional(),
    /** Traces of jobs, through the collector (docs/operating/traces.md). If absent, there are none. */
    traces: z
      .strictObject({
        /** Share of the jobs whose submitter does not say. Default: 0.01. */
        ratio: z.number().min(0).max(1).optional(),
      })
      .optional(),
    collectorImage: z.string().min(1).default('otel/opentelemetry-collector-contrib:0.139.0'),
  })
  .refine(({ traces, otlpEndpoint }) => traces === undefined || otlpEndpoint !== undefined, {
    message: 'needs `otlpEndpoint`: the collector sends the spans there',
    path: ['traces'],
  });

export const clusterSchema = z.strictObject({
  kubeconfigPath: z.string().min(1).default('~/.kube/config'),
  context: z.string().min(1).optional(),
  /** The provider exists under two publishers; the objects are the same. */
  provider: z.enum(['gavinbunney/kubectl', 'alekc/kubectl']).default('gavinbunney/kubectl'),
});

export type PlatformConfig = z.infer<typeof platformSchema>;
