/** The messages of the service Audit. Made by scripts/contract-types.ts from proto/; do not edit. */
import type { Int64, Timestamp } from './shared-messages.ts';

export interface AuditFilter {
  readonly startTime: Timestamp | null;
  readonly endTime: Timestamp | null;
  readonly principal: string;
  readonly method: string;
  readonly resource: string;
  readonly decision: number;
}

export interface AuditChange {
  readonly field: string;
  readonly oldValue: string | null;
  readonly newValue: string | null;
}

export interface AuditEntry {
  readonly id: string;
  readonly time: Timestamp | null;
  readonly kind: number;
  readonly method: string;
  readonly principal: string;
  readonly principalKind: number;
  readonly credential: string;
  readonly address: string;
  readonly userAgent: string;
  readonly requestId: string;
  readonly resources: Readonly<Record<string, string>>;
  readonly reason: string;
  readonly decision: number;
  readonly outcome: number;
  readonly errorCode: string;
  readonly outcomeTime: Timestamp | null;
  readonly changes: readonly AuditChange[];
  readonly jobCount: Int64;
  readonly jobIds: readonly string[];
  readonly count: Int64;
}

export interface AuditRow {
  readonly day: string;
  readonly writer: string;
  readonly sequence: Int64;
  readonly time: Timestamp | null;
  readonly entry: string;
  readonly hash: string;
}

export interface AuditHead {
  readonly writer: string;
  readonly rows: Int64;
  readonly hash: string;
}

export interface AuditChain {
  readonly writer: string;
  readonly rows: Int64;
  readonly hash: string;
  readonly ended: boolean;
  readonly fault: number;
  readonly faultSequence: Int64;
}

export interface ListAuditEntriesRequest {
  readonly filter: AuditFilter | null;
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ListAuditEntriesResponse {
  readonly entries: readonly AuditEntry[];
  readonly nextPageToken: string;
}

export interface ExportAuditEntriesRequest {
  readonly startTime: Timestamp | null;
  readonly endTime: Timestamp | null;
  readonly resumeToken: string;
}

export interface ExportAuditEntriesResponse {
  readonly rows: readonly AuditRow[];
  readonly resumeToken: string;
}

export interface VerifyAuditRequest {
  readonly day: string;
  readonly heads: readonly AuditHead[];
}

export interface VerifyAuditResponse {
  readonly chains: readonly AuditChain[];
}

export interface ListClusterAuditEntriesRequest {
  readonly filter: AuditFilter | null;
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface ListClusterAuditEntriesResponse {
  readonly entries: readonly AuditEntry[];
  readonly nextPageToken: string;
}

export interface ExportClusterAuditEntriesRequest {
  readonly startTime: Timestamp | null;
  readonly endTime: Timestamp | null;
  readonly resumeToken: string;
}

export interface ExportClusterAuditEntriesResponse {
  readonly rows: readonly AuditRow[];
  readonly resumeToken: string;
}

export interface VerifyClusterAuditRequest {
  readonly day: string;
  readonly heads: readonly AuditHead[];
}

export interface VerifyClusterAuditResponse {
  readonly chains: readonly AuditChain[];
}

/** Request and response of each method. */
export interface AuditMethods {
  readonly ListAuditEntries: readonly [ListAuditEntriesRequest, ListAuditEntriesResponse];
  readonly ExportAuditEntries: readonly [ExportAuditEntriesRequest, ExportAuditEntriesResponse];
  readonly VerifyAudit: readonly [VerifyAuditRequest, VerifyAuditResponse];
  readonly ListClusterAuditEntries: readonly [ListClusterAuditEntriesRequest, ListClusterAuditEntriesResponse];
  readonly ExportClusterAuditEntries: readonly [ExportClusterAuditEntriesRequest, ExportClusterAuditEntriesResponse];
  readonly VerifyClusterAudit: readonly [VerifyClusterAuditRequest, VerifyClusterAuditResponse];
}
