/** Explains an error to people: what is wrong, where, and what to do. */
import { type ClientErrorCode, TroupeClientError } from '../../client/index.ts';
import { oneLine } from '../../domain/printable.ts';
import { fileErrorText } from './file-error.ts';

const hints: ReadonlyMap<ClientErrorCode, string> = new Map([
  [
    'GATEWAY_UNAVAILABLE',
    'is a cluster running there? `npm start` starts one; --address or TROUPE_ADDRESS selects another',
  ],
  ['UNKNOWN_HANDLER', '`troupe nodes` shows the handlers; `troupe dev --handlers DIR` runs your own'],
  ['QUEUE_NOT_FOUND', '`troupe queues list` shows the queues, `troupe queues create NAME` creates one'],
  ['NODE_NOT_FOUND', '`troupe nodes` shows the nodes'],
  ['ACTOR_NOT_FOUND', '`troupe ps` shows the paths'],
  ['NO_CREDENTIALS', 'pass a token with --token-file FILE or TROUPE_TOKEN'],
  ['TOKEN_INVALID', 'pass another token with --token-file FILE or TROUPE_TOKEN'],
  [
    'TOKEN_EXPIRED',
    'get a new token from its issuer or a new API key, and pass it with --token-file FILE or TROUPE_TOKEN',
  ],
  ['KEY_REVOKED', 'pass another key with --token-file FILE or TROUPE_TOKEN'],
  ['KEY_ROTATED', 'pass its successor with --token-file FILE or TROUPE_TOKEN'],
  ['AUDIT_UNAVAILABLE', 'nothing was done: try again when the store of the cluster answers'],
  ['ISSUER_UNAVAILABLE', 'the token may be right: try again when its issuer answers'],
  ['SERVICE_ACCOUNT_NOT_FOUND', '`troupe accounts list` shows the service accounts'],
  ['TOO_MANY_API_KEYS', '`troupe accounts get NAME` shows the keys, `troupe keys revoke NAME ID` revokes one'],
  ['SUBSCRIPTION_NOT_FOUND', '`troupe subscriptions list` shows the subscriptions of the tenant'],
  ['TENANT_NOT_FOUND', '`troupe tenants list` shows the tenants'],
  ['TENANT_CHANGED', '`troupe tenants get NAME` shows its present settings and etag'],
  ['PERMISSION_MISSING', '`troupe whoami` shows your roles and permissions'],
  ['QUEUE_NOT_EMPTY', '`troupe list --queue NAME` shows the jobs; `troupe queues purge NAME` cancels those that wait'],
  ['QUEUE_VERSION_CONFLICT', '`troupe queues get NAME` shows its present settings and version'],
]);

export function explainError(error: unknown): string {
  if (!(error instanceof TroupeClientError))
    return fileErrorText(error) ?? (error instanceof Error ? error.message : String(error));
  const doubt =
    error.outcome === 'unknown' && error.code !== 'GATEWAY_UNAVAILABLE' ? ' (the call may have taken effect)' : '';
  const retry = error.retryAfterMs === undefined ? '' : ` (try again in ${error.retryAfterMs} ms)`;
  const request = error.code === 'INTERNAL_ERROR' && error.requestId !== undefined ? ` [${error.requestId}]` : '';
  const lines = [
    oneLine(`${error.code}: ${error.message}${doubt}${retry}${request}`),
    ...error.violations.map(({ field, description }) => oneLine(`  ${field}: ${description}`)),
  ];
  const hint = hints.get(error.code);
  return [...lines, ...(hint === undefined ? [] : [`  ${hint}`])].join('\n');
}

/** The same facts for machines (`--json`). */
export function errorDocument(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof TroupeClientError)) {
    return { error: { code: 'CLI_ERROR', message: error instanceof Error ? error.message : String(error) } };
  }
  const { code, message, status, retryable, outcome, metadata, violations, retryAfterMs, requestId } = error;
  return { error: { code, message, status, retryable, outcome, metadata, violations, retryAfterMs, requestId } };
}
