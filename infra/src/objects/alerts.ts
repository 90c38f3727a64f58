/**
 * The alert rules. Each alert has a section in docs/operating/alerts.md that says what it means and what to do
 * (test/alerts.test.ts checks this). `page`: jobs or clients are affected, act now. `ticket`: act within days.
 */
import { counters, gauges, histograms } from '../../../src/contract/measures.ts';
import type { KubernetesEnvironment } from '../config/environment.ts';
import { Queries } from './promql.ts';
import { failedShare, type Window } from './recording-rules.ts';

export interface Alert {
  readonly name: `Troupe${string}`;
  readonly expr: string;
  /** How long the expression must hold. */
  readonly for: string;
  readonly severity: 'page' | 'ticket';
  /** One line; may use the labels of the expression. */
  readonly summary: string;
}

export function alertsOf(environment: KubernetesEnvironment): readonly Alert[] {
  const query = new Queries(environment.namespace);
  return [
    ...jobAlerts(query, environment),
    ...gatewayAlerts(environment),
    ...accessAlerts(query),
    ...encryptionAlerts(query),
    ...shardAlerts(query),
    ...workerAlerts(query),
    ...busAlerts(query),
    ...platformAlerts(query, environment),
  ];
}

function jobAlerts(query: Queries, { observability }: KubernetesEnvironment): readonly Alert[] {
  const { queueWaitSeconds } = observability.thresholds;
  return [
    {
      name: 'TroupeQueueWaits',
      expr: `${query.max(gauges.queueOldestWait, ['tenant', 'queue'])} > ${queueWaitSeconds}`,
      for: '5m',
      severity: 'page',
      summary: 'The oldest job of {{ $labels.tenant }}/{{ $labels.queue }} has waited {{ $value | humanizeDuration }}.',
    },
    {
      name: 'TroupeJobsUnserved',
      expr: `${query.max(gauges.jobsUnserved, ['tenant', 'queue', 'handler', 'version'])} > 0`,
      for: '10m',
      severity: 'page',
      summary:
        '{{ $value }} jobs of {{ $labels.queue }} wait for {{ $labels.handler }} {{ $labels.version }}, which no node has.',
    },
  ];
}

/** Each alert uses two windows: the long one shows that the problem matters, the short one that it continues. */
function gatewayAlerts(environment: KubernetesEnvironment): readonly Alert[] {
  const budget = 1 - environment.observability.thresholds.availability;
  const burns = (times: number, long: Window, short: Window): string => {
    const limit = Number((times * budget).toPrecision(3));
    return `${failedShare(environment, long)} > ${limit} and ${failedShare(environment, short)} > ${limit}`;
  };
  return [
    {
      name: 'TroupeCallsFailFast',
      expr: burns(14.4, '1h', '5m'),
      for: '2m',
      severity: 'page',
      summary:
        '{{ $value | humanizePercentage }} of all calls fail. At this rate the error budget of 30 days lasts two days.',
    },
    {
      name: 'TroupeCallsFail',
      expr: burns(6, '6h', '30m'),
      for: '15m',
      severity: 'ticket',
      summary:
        '{{ $value | humanizePercentage }} of all calls fail. At this rate the error budget of 30 days lasts five days.',
    },
  ];
}

function accessAlerts(query: Queries): readonly Alert[] {
  const refused = query.rate(counters.grpcRequests, '10m', [], { code: 'UNAUTHENTICATED' });
  return [
    {
      name: 'TroupeIssuerAway',
      expr: `${query.max(gauges.gatewayIssuerAway, ['issuer'])} > 0`,
      for: '10m',
      severity: 'ticket',
      summary:
        'The keys of the issuer {{ $labels.issuer }} cannot be fetched. Its tokens are accepted for 24 hours by the last ones.',
    },
    {
      name: 'TroupeOperatorTokenUsed',
      expr: `${query.increase(counters.operatorCalls, '15m')} > 0`,
      for: '0m',
      severity: 'ticket',
      summary: 'Somebody has called with the operator token in the last 15 minutes.',
    },
    {
      name: 'TroupeAuditGaps',
      expr: `${query.rate(counters.auditGaps, '10m', ['what'])} > 0`,
      for: '1m',
      severity: 'ticket',
      summary:
        'The audit log could not be written in time ({{ $labels.what }}). Calls of administrators are refused meanwhile.',
    },
    {
      name: 'TroupeCallersRefused',
      expr: `${refused} > 1 and ${refused} / ${query.rate(counters.grpcRequests, '10m')} > 0.2`,
      for: '10m',
      severity: 'ticket',
      summary: '{{ $value | humanizePercentage }} of all calls are refused for want of a good credential.',
    },
  ];
}

function encryptionAlerts(query: Queries): readonly Alert[] {
  return [
    {
      name: 'TroupeEncryptionKeysAway',
      expr: `${query.max(gauges.encryptionKeysAway, ['pod'])} > 0`,
      for: '5m',
      severity: 'page',
      summary: '{{ $labels.pod }} cannot reach the keys of payloads: soon it neither accepts nor runs sealed jobs.',
    },
    {
      name: 'TroupePayloadDamaged',
      expr: `${query.rate(counters.encryptionDamaged, '10m', ['kind'])} > 0`,
      for: '0m',
      severity: 'page',
      summary: 'Something sealed ({{ $labels.kind }}) did not open: it was changed, or belongs elsewhere.',
    },
  ];
}

function shardAlerts(query: Queries): readonly Alert[] {
  return [
    {
      name: 'TroupeShardSilent',
      expr: `${query.max(gauges.shardsSilent, ['pod'])} > 0`,
      for: '1m',
      severity: 'page',
      summary: '{{ $value }} shards have not answered {{ $labels.pod }} for a minute, although they have owners.',
    },
    {
      name: 'TroupeNoShardNode',
      expr: query.absent(histograms.commitDuration),
      for: '2m',
      severity: 'page',
      summary: 'No shard node is up: no job is accepted, and none makes progress.',
    },
    {
      name: 'TroupeCommitsSlow',
      expr: `${query.quantile(0.99, histograms.commitDuration, '5m')} > 0.5`,
      for: '10m',
      severity: 'page',
      summary: 'One commit in a hundred takes longer than {{ $value | humanizeDuration }}.',
    },
    {
      name: 'TroupeStoreFails',
      expr: `${query.rate(counters.storeErrors, '5m', ['code'])} > 0.1`,
      for: '5m',
      severity: 'page',
      summary: '{{ $value | humanize }} queries of the store fail per second with {{ $labels.code }}.',
    },
    {
      name: 'TroupeOutboxGrows',
      expr: `${query.sum(gauges.outboxTasks)} > 10000`,
      for: '5m',
      severity: 'page',
      summary:
        '{{ $value | humanize }} dispatches and events are durable but not yet on JetStream, so they arrive late.',
    },
    {
      name: 'TroupeShardMemoryFull',
      expr: `${query.max(gauges.shardsMemoryBytes, ['pod'])} / ${query.max(gauges.shardsMemoryMaxBytes, ['pod'])} > 0.8`,
      for: '5m',
      severity: 'page',
      summary:
        'Unfinished jobs take {{ $value | humanizePercentage }} of the memory that they may take on {{ $labels.pod }}.',
    },
    {
      name: 'TroupeMailboxesFull',
      expr: `${query.rate(counters.deadLetters, '5m', ['component'], { reason: 'mailbox_full' })} > 1`,
      for: '10m',
      severity: 'ticket',
      summary:
        'Nodes of {{ $labels.component }} refuse {{ $value | humanize }} messages per second, because their mailboxes are full.',
    },
    {
      name: 'TroupeActorsRestart',
      expr: `${query.increase(counters.actorRestarts, '15m', ['kind', 'pod'])} > 5`,
      for: '5m',
      severity: 'ticket',
      summary:
        'Actors of kind {{ $labels.kind }} on {{ $labels.pod }} were restarted {{ $value | humanize }} times in 15 minutes.',
    },
  ];
}

function workerAlerts(query: Queries): readonly Alert[] {
  const threads = (state: string): string => query.sum(gauges.threads, ['worker_class'], { state });
  return [
    {
      name: 'TroupeThreadsBusy',
      expr: `${threads('busy')} / ${threads('configured')} > 0.9`,
      for: '15m',
      severity: 'ticket',
      summary:
        'The class {{ $labels.worker_class }} is {{ $value | humanizePercentage }} busy and has not been scaled up.',
    },
    {
      name: 'TroupeThreadsLeaked',
      expr: `${query.max(gauges.threads, ['pod'], { state: 'leaked' })} > 0`,
      for: '15m',
      severity: 'ticket',
      summary: '{{ $value }} threads on {{ $labels.pod }} were asked to end and have not ended.',
    },
    {
      name: 'TroupeCellsDie',
      expr: `${query.increase(counters.cellExits, '15m', ['worker_class'], { cause: 'died' })} > 3`,
      for: '0m',
      severity: 'ticket',
      summary:
        'Handlers of {{ $labels.worker_class }} killed their process {{ $value | humanize }} times in 15 minutes.',
    },
  ];
}

function busAlerts(query: Queries): readonly Alert[] {
  return [
    {
      name: 'TroupePublishesFail',
      expr: `${query.rate(counters.natsPublishFailures, '5m', ['code'])} > 1`,
      for: '5m',
      severity: 'page',
      summary: '{{ $value | humanize }} messages per second cannot be published to JetStream: {{ $labels.code }}.',
    },
    {
      name: 'TroupeDeliveriesLate',
      expr: `${query.rate(counters.natsLateDeliveries, '15m')} > 10`,
      for: '15m',
      severity: 'ticket',
      summary: '{{ $value | humanize }} deliveries per second arrive when nobody waits for them any more.',
    },
  ];
}

/** Alerts on metrics of other software, with the names that its documentation uses. */
function platformAlerts(query: Queries, environment: KubernetesEnvironment): readonly Alert[] {
  const { namespace, messaging, data, certificates, workers } = environment;
  const ours = [namespace, ...(messaging.kind === 'cluster' ? [messaging.namespace] : [])];
  const theirs = [...ours, ...(data.kind === 'k8ssandra' ? [data.namespace] : [])];
  const silent = ours.map((scraped): Alert => ({
    name: scraped === namespace ? 'TroupePodSilent' : 'TroupeNatsSilent',
    expr: query.down(scraped),
    for: '5m',
    severity: scraped === namespace ? 'ticket' : 'page',
    summary: '{{ $labels.pod }} does not answer Prometheus.',
  }));
  const alerts: Alert[] = [
    {
      name: 'TroupeNotReady',
      expr: `${query.min(gauges.ready, ['component', 'pod'])} == 0`,
      for: '5m',
      severity: 'page',
      summary: '{{ $labels.pod }} ({{ $labels.component }}) runs, but is not ready.',
    },
    ...silent,
  ];
  if (certificates.kind === 'cert-manager') {
    // Certificates are renewed 30 days before they expire. At 14 days the renewal has failed for two weeks.
    const left = `min by (name) (certmanager_certificate_expiration_timestamp_seconds{name=~"troupe-.*"} - time())`;
    alerts.push({
      name: 'TroupeCertificateExpires',
      expr: `${left} < 14 * 86400`,
      for: '1h',
      severity: 'page',
      summary: `The certificate {{ $labels.name }} (of ${theirs.join(
        ', ',
      )}) expires in {{ $value | humanizeDuration }}.`,
    });
  }
  if (workers.some(({ scaling }) => scaling.kind === 'keda')) {
    alerts.push({
      name: 'TroupeScalerFails',
      expr: `sum by (scaledObject) (rate(keda_scaler_detail_errors_total{exported_namespace="${namespace}"}[5m])) > 0`,
      for: '10m',
      severity: 'page',
      summary: 'KEDA cannot read the demand for {{ $labels.scaledObject }} and uses its fallback.',
    });
  }
  return alerts;
}
