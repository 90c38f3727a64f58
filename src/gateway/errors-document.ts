/** Generates docs/reference/errors.md from the registry and the status table, so that it cannot differ from them. */
import { status as grpc } from '@grpc/grpc-js';
import { type ErrorCode, errorRegistry } from '../domain/errors.ts';
import { detailsNamed, statusTable } from './status-mapper.ts';

/** What a caller can do about each error. */
const advice = {
  INVALID_JOB_SPEC: 'Correct the fields in BadRequest; it lists all problems at once.',
  INVALID_ARGUMENT: 'Correct the fields in BadRequest.',
  PAYLOAD_TOO_LARGE: 'Send less, or send a reference to data that is stored elsewhere. `payloadMaxBytes` is the limit.',
  UNKNOWN_HANDLER: 'Check the name, and that a node with this handler is live (`Cluster.ListNodes`).',
  QUEUE_NOT_FOUND: 'Create the queue first (`Queues.CreateQueue`).',
  QUEUE_EXISTS: 'Use the queue, or change it (`Queues.UpdateQueue`).',
  QUEUE_NOT_EMPTY:
    'Wait for its jobs, or cancel them (`Jobs.CancelJobs`). `waiting`, `later` and `running` count them.',
  QUEUE_CLOSING:
    'Repeat the call; nothing was done. Afterwards the queue is gone (QUEUE_NOT_FOUND) or accepts jobs again.',
  QUEUE_VERSION_CONFLICT: 'Read the queue, decide again, and repeat with its present version.',
  JOB_NOT_FOUND: 'Check the id. A job is removed when its retention is over.',
  UNIQUE_KEY_TAKEN:
    'Wait until the job in `jobId` has ended, or submit with another `on_conflict`. No `jobId`: it is in a queue in which you may not submit.',
  REPLACEMENT_PENDING:
    'Repeat the submit. The job in `jobId` is being cancelled, and ends when its code no longer runs.',
  IDEMPOTENCY_KEY_REUSED:
    'Use one key for one job. `jobId` is the job that has this key, unless you may not submit in its queue.',
  PAYLOAD_GONE: 'Submit with a new input. `why` says what happened to the former one.',
  NO_PAYLOAD_LINK: 'Use `DownloadPayload` or `SubmitJobStream`: the bytes then pass the gateway.',
  JOB_STATE_FORBIDS: 'Check `state`. If the job is unfinished, cancel it first or wait for its end.',
  RUN_NOT_FOUND: 'Check the state of the job: only a running attempt can be profiled.',
  PROFILE_BUSY: 'Repeat when the other profile is done, after at most 60 s.',
  NODE_NOT_FOUND: 'Check the name with `Cluster.ListNodes`. A node that has ended is gone.',
  NODE_SILENT: 'Repeat the call; nothing was done. A node that stays silent is removed from the cluster within 10 s.',
  ACTOR_NOT_FOUND: 'Check the path with `Cluster.GetTree`. Actors come and go.',
  NO_CREDENTIALS:
    'Send `authorization: Bearer TOKEN` with a token of an issuer that the gateway trusts, or with an API key.',
  AMBIGUOUS_CREDENTIALS: 'Send one credential only.',
  TOKEN_INVALID:
    'Get another token. What is wrong with this one, the gateway says in its log alone (event `token.refused`).',
  TOKEN_EXPIRED: 'Get a new token or API key and repeat the call. A stream continues from its last resume token.',
  CERTIFICATE_INVALID:
    'Use a certificate whose URI is an identity of `gateway.certificates`. The reason is in the log of the gateway.',
  CERTIFICATE_EXPIRED:
    'Renew the certificate and connect again; nothing was done. A stream continues from its last resume token.',
  KEY_REVOKED: 'Get a new API key from whoever manages the service account.',
  KEY_ROTATED: 'Use the API key that has taken the place of this one.',
  ACCESS_CHANGED: 'Repeat the call; nothing was done. A stream continues from its last resume token.',
  AUDIT_UNAVAILABLE:
    'Repeat the call; nothing was done. `docs/operating/audit.md` says which calls need the audit log.',
  SERVICE_ACCOUNT_NOT_FOUND: 'Check the name with `Access.ListServiceAccounts`.',
  SERVICE_ACCOUNT_EXISTS: 'Use the account, or change it (`Access.UpdateServiceAccount`).',
  SERVICE_ACCOUNT_CHANGED: 'Read the account, decide again, and repeat with its present etag.',
  API_KEY_NOT_FOUND: 'Check the id with `Access.GetServiceAccount`. Keys that ended long ago are forgotten.',
  API_KEY_ENDED: 'Make a new key (`Access.CreateApiKey`). `state` says how this one ended.',
  TOO_MANY_API_KEYS: 'Revoke a key (`Access.RevokeApiKey`), or wait until the overlap of a rotation is over.',
  LIMIT_REACHED: 'Delete what is not used any more. `quota`, `limit` and `used` say what there is too much of.',
  TENANT_NOT_FOUND: 'Check the name with `Tenants.ListTenants`. A tenant that nobody made has no settings.',
  TENANT_EXISTS:
    'Use the tenant, or change it (`Tenants.UpdateTenant`). The name of a deleted one is free after a year.',
  TENANT_CHANGED: 'Read the tenant, decide again, and repeat with its present etag.',
  TENANT_PAUSED:
    'Ask whoever administers the cluster. Jobs that were accepted before wait, and can be read and cancelled.',
  TENANT_DELETING: 'Ask whoever administers the cluster. A deletion cannot be undone.',
  QUOTA_EXCEEDED:
    'Wait as long as RetryInfo says, or ask for a higher quota. `quota`, `limit` and `used` say which it is.',
  ISSUER_UNAVAILABLE: 'Repeat the call with the same token; nothing was done.',
  PERMISSION_MISSING: 'Ask for a role that has the permission in `permission`. `Access.WhoAmI` shows what you have.',
  SUBSCRIPTION_NOT_FOUND:
    'Check the name with `Events.ListEventSubscriptions`. One that nobody read from for its idle time has ended.',
  SUBSCRIPTION_EXISTS: 'Use the subscription, or delete it first (`Events.DeleteEventSubscription`).',
  INVALID_PAGE_TOKEN: 'Start the list again from its first page.',
  INVALID_RESUME_TOKEN: 'Start the watch again without a token.',
  BACKLOG_FULL: 'Wait as long as RetryInfo says, or add workers.',
  QUEUE_FULL: 'Wait as long as RetryInfo says, or raise the setting in `limit` (`max_depth` or `max_bytes`).',
  WOULD_BE_LATE: 'Wait as long as RetryInfo says, raise the timeout in `field`, or submit without `refuse_late`.',
  OVERLOADED: 'Wait as long as RetryInfo says, and send less at once.',
  SHARD_UNAVAILABLE: 'Repeat the call; nothing was done. A new owner answers within 15 s.',
  STORE_UNAVAILABLE: 'Repeat the call; nothing was done.',
  BROKER_UNAVAILABLE: 'Repeat the call; nothing was done.',
  ENCRYPTION_UNAVAILABLE: 'Repeat the call; nothing was done, and nothing was stored as plain text.',
  OUTCOME_UNKNOWN: 'Repeat with the same idempotency key. Without a key, check with `Jobs.ListJobs` before you repeat.',
  SHUTTING_DOWN: 'Repeat the call; another gateway answers.',
  CALL_DEADLINE_EXCEEDED: 'If `outcome` is `none`, repeat the call. Otherwise proceed as for OUTCOME_UNKNOWN.',
  CALL_CANCELLED: 'Nothing; you cancelled the call.',
  INTERNAL_ERROR: 'Report it with the request id in RequestInfo. The log of the gateway has the cause under that id.',
} as const satisfies Record<ErrorCode, string>;

const head = `# Errors

<!-- Generated by \`npm run docs:errors\` from src/domain/errors.ts and src/gateway/status-mapper.ts. Do not edit. -->

This page lists every error code of the gateway, what it means and what a caller can do.

## Where the code is

Every error of the gateway is a gRPC status with [google.rpc details](https://google.aip.dev/193) in the trailer
\`grpc-status-details-bin\`; an item of \`SubmitJobs\` has the same status in its outcome. The code below is
\`ErrorInfo.reason\` (domain \`troupe\`), \`errCode\` in logs, and \`TroupeClientError.code\` in the TypeScript client. Texts may
change, codes do not.

A failed *job* is not an error of a call: its failure is in \`Job.failure\`.

## When to repeat a call

\`outcome\` in the metadata of ErrorInfo says what is known about the effect: \`none\` (nothing was done, any call can be
repeated) or \`unknown\` (repeat only with an idempotency key). RetryInfo says how long to wait before that.

Two statuses come from gRPC itself and have no details: RESOURCE_EXHAUSTED for a message above the server's limit (the
payload limit and 1 MiB), and UNAVAILABLE when the connection broke. In the second case the outcome is unknown.

## Error codes

| code | gRPC status | details | outcome | repeat | meaning | what to do |
|---|---|---|---|---|---|---|
`;

export function errorsDocument(): string {
  const codes = Object.keys(errorRegistry) as ErrorCode[];
  const rows = codes.map((code) => {
    const mapping = statusTable[code];
    const outcome = 'outcome' in mapping ? mapping.outcome : '';
    const { retryable, message } = errorRegistry[code];
    const cells = [
      `\`${code}\``,
      grpc[mapping.status],
      detailsNamed(code).join(', '),
      outcome,
      retryable ? 'yes' : 'no',
    ];
    return `| ${[...cells, message, advice[code]].join(' | ')} |\n`;
  });
  return head + rows.join('');
}
