/** Maps the audit log from the application to the contract. */
import type { ExportedRows } from '../application/audit/export-rows.ts';
import { type AuditQuery, callOf, type ShownEntry } from '../application/audit/list-entries.ts';
import type { ChainReport } from '../application/audit/verify-day.ts';
import type { Init } from '../contract/codec.ts';
import {
  auditDecisionCodes,
  auditEntryKindCodes,
  auditFaultCodes,
  auditOutcomeCodes,
  principalKindCodes,
} from '../contract/codes.ts';
import type * as wire from '../contract/messages.ts';
import { timestampMs, toOptionalTime, toTime } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { assertNever, TroupeError } from '../domain/errors.ts';

export function fromAuditFilter({ filter, pageSize, pageToken }: wire.ListAuditEntriesRequest): AuditQuery {
  return {
    startMs: timestampMs(filter?.startTime),
    endMs: timestampMs(filter?.endTime),
    principal: filter?.principal ?? '',
    method: filter?.method ?? '',
    resource: filter?.resource ?? '',
    decision: decisionOf(filter?.decision ?? 0),
    pageSize,
    pageToken,
  };
}

function decisionOf(code: number): AuditQuery['decision'] {
  const decision = wordOf(auditDecisionCodes, code);
  if (decision !== undefined || code === 0) return decision;
  const violations = [{ field: 'filter.decision', description: 'is not a decision' }];
  throw new TroupeError('INVALID_ARGUMENT', { violations });
}

export function toAuditEntry(shown: ShownEntry): Init<wire.AuditEntry> {
  const { id, atMs, entry, decision, outcome } = shown;
  const call = callOf(entry);
  return {
    id,
    time: toTime(atMs),
    kind: auditEntryKindCodes[kindOf(entry)],
    decision: decision === undefined ? 0 : auditDecisionCodes[decision],
    ...outcomeOf(shown),
    ...(entry?.kind === 'lost' || entry?.kind === 'more-denied' ? { count: entry.count } : {}),
    ...(call === undefined
      ? {}
      : {
          method: call.method,
          principal: call.principal ?? '',
          principalKind: call.principalKind === undefined ? 0 : principalKindCodes[call.principalKind],
          credential: call.credential ?? '',
          address: call.address,
          userAgent: call.agent ?? '',
          requestId: call.requestId,
          resources: { ...call.about },
          reason: call.reason ?? '',
        }),
    changes: (outcome?.changes ?? []).map((change) => ({
      field: change.field,
      oldValue: change.old,
      newValue: change.new,
    })),
    jobCount: outcome?.jobs?.count ?? 0,
    jobIds: [...(outcome?.jobs?.ids ?? [])],
  };
}

function kindOf(entry: ShownEntry['entry']): keyof typeof auditEntryKindCodes {
  switch (entry?.kind) {
    case undefined:
      return 'damaged';
    case 'intent':
    case 'denied':
      return 'call';
    case 'more-denied':
      return 'denied-calls';
    case 'lost':
      return 'lost';
    default:
      return assertNever(entry);
  }
}

function outcomeOf({ entry, outcome }: ShownEntry): Init<wire.AuditEntry> {
  const denied = entry?.kind === 'denied' || entry?.kind === 'more-denied';
  if (denied) return { outcome: auditOutcomeCodes.failed, errorCode: entry.code };
  if (entry?.kind !== 'intent') return {};
  if (outcome === undefined) return { outcome: auditOutcomeCodes.unknown };
  const outcomeTime = toOptionalTime(outcome.at);
  if (outcome.code === 'OK') return { outcome: auditOutcomeCodes.succeeded, outcomeTime };
  return { outcome: auditOutcomeCodes.failed, errorCode: outcome.code, outcomeTime };
}

export function toAuditRows({ day, rows }: ExportedRows): Init<wire.AuditRow>[] {
  return rows.map(({ writer, sequence, atMs, entry, hash }) => ({
    day,
    writer,
    sequence,
    time: toTime(atMs),
    entry,
    hash,
  }));
}

export function toAuditChain({ writer, rows, hash, isEnded, break: at }: ChainReport): Init<wire.AuditChain> {
  const fault = at === undefined ? 0 : auditFaultCodes[at.fault];
  return { writer, rows, hash, ended: isEnded, fault, faultSequence: at?.sequence ?? 0 };
}
