/** Calls for the audit log of the tenant, and for that of the cluster. */
import type { MethodCodec } from '../contract/codec.ts';
import {
  auditDecisionCodes,
  auditEntryKindCodes,
  auditFaultCodes,
  auditOutcomeCodes,
  principalKindCodes,
} from '../contract/codes.ts';
import { numberOf } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { timestampMs, toOptionalTime } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { given } from '../domain/given.ts';
import type { CallParts } from './call-parts.ts';
import { resumedStream } from './resumed-stream.ts';
import { withRetries } from './retry.ts';

/** Which entries are listed. All conditions that are given must hold. */
export interface AuditListOptions {
  /** `cluster`: calls about the cluster and its tenants, and calls without a good credential. Default: `tenant`. */
  readonly of?: 'tenant' | 'cluster';
  /** Entries at or after this time. Default: 7 days before `to`. */
  readonly from?: Date;
  /** Entries before this time. Default: now. */
  readonly to?: Date;
  /** Id of the principal. */
  readonly principal?: string;
  /** Name of the method. */
  readonly method?: string;
  /** A job, queue, account or node that the call named or acted upon. */
  readonly resource?: string;
  /** Whether the call was allowed. */
  readonly decision?: 'allowed' | 'denied';
  /** Ends the listing. */
  readonly signal?: AbortSignal;
}

/** An entry of the audit log. */
export interface AuditEntryInfo {
  /** Day, writer and number of its row. */
  readonly id: string;
  /** When the call began. */
  readonly at: Date;
  /** `denied-calls` and `lost` have a count. */
  readonly kind: 'call' | 'denied-calls' | 'lost' | 'damaged' | 'unknown';
  /** Name of the method. */
  readonly method: string;
  /** Id of the principal. Empty if it is not known. */
  readonly principal: string;
  /** Kind of the principal. */
  readonly principalKind: keyof typeof principalKindCodes | 'unknown';
  /** Id of the API key or token. Empty if it has none. */
  readonly credential: string;
  /** Address of the connection. */
  readonly address: string;
  /** As the client said. */
  readonly userAgent: string;
  /** The request id of the call. */
  readonly requestId: string;
  /** What the request named. */
  readonly resources: Readonly<Record<string, string>>;
  /** Why, as the caller said. */
  readonly reason: string;
  /** Whether it was allowed. Absent for what is no call. */
  readonly decision?: 'allowed' | 'denied';
  /** How it ended. `unknown`: it may or may not have acted. Absent for what is no call. */
  readonly outcome?: 'unknown' | 'succeeded' | 'failed';
  /** Reason of the error. Empty without one. */
  readonly errorCode: string;
  /** When it ended. */
  readonly outcomeAt?: Date;
  /** What it changed. */
  readonly changes: readonly { readonly field: string; readonly old?: string; readonly new?: string }[];
  /** Number of jobs that it acted upon. */
  readonly jobCount: number;
  /** At most the first 100 of their ids. */
  readonly jobIds: readonly string[];
  /** How many calls or rows, for `denied-calls` and `lost`. */
  readonly count: number;
}

/** A row as it is stored. */
export interface AuditRowInfo {
  /** UTC. */
  readonly day: string;
  /** Id of the gateway process that wrote it. */
  readonly writer: string;
  /** Its place in the chain. */
  readonly sequence: number;
  /** When it was written. */
  readonly at: Date;
  /** JSON, over whose bytes the hash is. */
  readonly entry: string;
  /** Hexadecimal SHA-256 over the hash before it, a line feed, and the entry. */
  readonly hash: string;
}

/** What somebody was told of a chain. */
export interface AuditHeadInfo {
  /** Id of the gateway process that wrote it. */
  readonly writer: string;
  /** Number of its rows. */
  readonly rows: number;
  /** Hash of the last of them. */
  readonly hash: string;
}

/** A chain of a day, and its first fault. */
export interface AuditChainInfo extends AuditHeadInfo {
  /** Whether its last row says that the chain has ended. */
  readonly ended: boolean;
  /** Absent if there is none. */
  readonly fault?: { readonly sequence: number; readonly what: keyof typeof auditFaultCodes | 'unknown' };
}

export interface AuditClient {
  /** Lists entries, newest first. */
  list(options?: AuditListOptions): AsyncGenerator<AuditEntryInfo, void>;
  /** Streams the rows of whole days, oldest first. It goes on after a lost connection. Default: since yesterday. */
  exportRows(options?: Pick<AuditListOptions, 'of' | 'from' | 'to' | 'signal'>): AsyncGenerator<AuditRowInfo, void>;
  /** Checks all chains of a day, such as `2026-11-30`, against the heads that are given. Allows five minutes. */
  verify(
    day: string,
    options?: { readonly of?: 'tenant' | 'cluster'; readonly heads?: readonly AuditHeadInfo[] },
  ): Promise<readonly AuditChainInfo[]>;
}

const verifyMaxMs = 300_000;

type ListMethod = MethodCodec<wire.ListAuditEntriesRequest, wire.ListAuditEntriesResponse>;
type ExportMethod = MethodCodec<wire.ExportAuditEntriesRequest, wire.ExportAuditEntriesResponse>;
type VerifyMethod = MethodCodec<wire.VerifyAuditRequest, wire.VerifyAuditResponse>;

export function createAuditClient({ connection, contract, backoff }: CallParts): AuditClient {
  const { audit } = contract;

  async function* list(options: AuditListOptions = {}): AsyncGenerator<AuditEntryInfo, void> {
    const { of, from, to, principal = '', method: called = '', resource = '', decision, signal } = options;
    const method: ListMethod = of === 'cluster' ? audit.ListClusterAuditEntries : audit.ListAuditEntries;
    const filter = {
      startTime: toOptionalTime(from?.getTime()),
      endTime: toOptionalTime(to?.getTime()),
      principal,
      method: called,
      resource,
      decision: decision === undefined ? 0 : auditDecisionCodes[decision],
    };
    let pageToken = '';
    do {
      const request = { filter, pageToken };
      const page = await withRetries(backoff, 'always', signal, () =>
        connection.unary(method, request, given({ signal })),
      );
      for (const entry of page.entries) yield fromEntry(entry);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  async function* exportRows({
    of,
    from,
    to,
    signal,
  }: Pick<AuditListOptions, 'of' | 'from' | 'to' | 'signal'> = {}): AsyncGenerator<AuditRowInfo, void> {
    const method: ExportMethod = of === 'cluster' ? audit.ExportClusterAuditEntries : audit.ExportAuditEntries;
    const range = { startTime: toOptionalTime(from?.getTime()), endTime: toOptionalTime(to?.getTime()) };
    const messages = resumedStream(backoff, {
      open: (resumeToken) => connection.stream(method, { ...range, resumeToken }, given({ signal })),
      tokenOf: ({ resumeToken }) => resumeToken,
      signal,
    });
    for await (const { rows } of messages) {
      for (const { day, writer, sequence, time, entry, hash } of rows) {
        yield { day, writer, sequence: numberOf(sequence), at: new Date(timestampMs(time) ?? 0), entry, hash };
      }
    }
  }

  return {
    list,
    exportRows,
    async verify(day, { of, heads = [] } = {}) {
      const method: VerifyMethod = of === 'cluster' ? audit.VerifyClusterAudit : audit.VerifyAudit;
      const request = { day, heads: heads.map(({ writer, rows, hash }) => ({ writer, rows, hash })) };
      const { chains } = await withRetries(backoff, 'always', undefined, () =>
        connection.unary(method, request, { timeoutMs: verifyMaxMs }),
      );
      return chains.map(fromChain);
    },
  };
}

function fromChain({ writer, rows, hash, ended, fault, faultSequence }: wire.AuditChain): AuditChainInfo {
  const what: NonNullable<AuditChainInfo['fault']>['what'] = wordOf(auditFaultCodes, fault) ?? 'unknown';
  const found = fault === 0 ? undefined : { sequence: numberOf(faultSequence), what };
  return { writer, rows: numberOf(rows), hash, ended, ...given({ fault: found }) };
}

function fromEntry(entry: wire.AuditEntry): AuditEntryInfo {
  const { id, method, principal, credential, address, userAgent, requestId, reason, errorCode } = entry;
  const outcomeAtMs = timestampMs(entry.outcomeTime);
  return {
    id,
    at: new Date(timestampMs(entry.time) ?? 0),
    kind: wordOf(auditEntryKindCodes, entry.kind) ?? 'unknown',
    method,
    principal,
    principalKind: wordOf(principalKindCodes, entry.principalKind) ?? 'unknown',
    credential,
    address,
    userAgent,
    requestId,
    resources: entry.resources,
    reason,
    errorCode,
    changes: entry.changes.map(({ field, oldValue, newValue }) => ({
      field,
      ...given({ old: oldValue ?? undefined, new: newValue ?? undefined }),
    })),
    jobCount: numberOf(entry.jobCount),
    jobIds: entry.jobIds,
    count: numberOf(entry.count),
    ...given({
      decision: wordOf(auditDecisionCodes, entry.decision),
      outcome: wordOf(auditOutcomeCodes, entry.outcome),
      outcomeAt: outcomeAtMs === undefined ? undefined : new Date(outcomeAtMs),
    }),
  };
}
