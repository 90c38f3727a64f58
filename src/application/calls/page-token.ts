/**
 * Tokens that clients send back to continue. A token holds everything that is needed, so no server keeps state for it.
 * It is checked against the call that uses it. It is not secret, because it contains only what the client has already
 * seen.
 */
import type { AuditPosition } from '../ports/audit-store.ts';
import { TroupeError } from '../../domain/errors.ts';
import { type JobId, jobIdParts, parseJobId } from '../../domain/job-id.ts';
import { isDay } from '../../domain/audit/audit-day.ts';
import type { LogPosition } from '../../domain/job-log.ts';
import { namePattern } from '../../domain/queue.ts';

const tokenNumbers = /^([1-9][0-9]{0,9})(?:\.(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9}))?$/;

/** `digest` identifies the filter and the order of the listing. */
export function jobPageToken(cursor: JobId, digest: string): string {
  return encode('j2', `${digest}.${cursor}`);
}

/**
 * Returns the id after which the next page begins. The id contains the queue, so a token of another queue or listing is
 * refused.
 */
export function parseJobPageToken(token: string, list: { readonly queueNo: number; readonly digest: string }): JobId {
  const text = decode('j2', token) ?? '';
  const id = parseJobId(text.slice(list.digest.length + 1));
  const isOfThisList =
    text.startsWith(`${list.digest}.`) && id !== undefined && jobIdParts(id).queueNo === list.queueNo;
  if (!isOfThisList) throw invalidPageToken();
  return id;
}

/** Token of an operation on many jobs. The upper bound of creation is fixed when the operation begins. */
export function bulkPageToken(createdBeforeMs: number, pageToken: string): string {
  return encode('b1', `${createdBeforeMs}.${pageToken}`);
}

export function parseBulkPageToken(token: string): { readonly createdBeforeMs: number; readonly pageToken: string } {
  const [, createdBeforeMs, pageToken] = /^([0-9]{1,15})\.(.+)$/.exec(decode('b1', token) ?? '') ?? [];
  if (createdBeforeMs === undefined || pageToken === undefined) throw invalidPageToken();
  return { createdBeforeMs: Number(createdBeforeMs), pageToken };
}

export function queuePageToken(after: string): string {
  return encode('q1', after);
}

export function parseQueuePageToken(token: string): string {
  const name = decode('q1', token);
  if (name === undefined) throw invalidPageToken();
  return name;
}

export function accountPageToken(after: string): string {
  return encode('a1', after);
}

export function parseAccountPageToken(token: string): string {
  return parseName('a1', token);
}

export function tenantPageToken(after: string): string {
  return encode('t1', after);
}

export function parseTenantPageToken(token: string): string {
  return parseName('t1', token);
}

/** It goes to the store, which takes no name of any length. */
function parseName(kind: string, token: string): string {
  const name = decode(kind, token) ?? '';
  if (!namePattern.test(name)) throw invalidPageToken();
  return name;
}

/** `log` is the last line that was sent, in watches that include log lines. */
export function resumeToken(jobId: JobId, seq: number, log?: LogPosition): string {
  const lines = log === undefined ? [] : [log.attempt, log.number];
  return encode('r1', [jobId, seq, ...lines].join('.'));
}

/** The number of the last change that the client has seen, and the last log line. */
export function parseResumeToken(
  token: string,
  jobId: string,
): { readonly seq: number; readonly log: LogPosition | undefined } {
  const text = decode('r1', token) ?? '';
  const [, seq, attempt, number] = tokenNumbers.exec(text.slice(jobId.length + 1)) ?? [];
  if (seq === undefined || !text.startsWith(`${jobId}.`)) {
    throw invalidResumeToken('does not belong to this job');
  }
  const log = attempt === undefined ? undefined : { attempt: Number(attempt), number: Number(number) };
  return { seq: Number(seq), log };
}

/** How far the kept events of a queue have been read. */
export interface QueuePosition {
  /** Identity of the log. */
  readonly log: string;
  readonly position: number;
  /** Mark of the event at the position. Empty if unknown. */
  readonly mark: string;
}

/** A queue has fewer logs than this. */
const logsMax = 32;

/**
 * A position for each log of the queue. An older gateway takes the mark for a part of the log's identity, and therefore
 * reports a gap.
 */
export function queueResumeToken(queueNo: number, positions: readonly QueuePosition[]): string {
  const logs = positions.map(({ log, position, mark }) => `${position}.${mark === '' ? log : `${log}#${mark}`}`);
  return encode('w1', `${queueNo}.${logs.join('|')}`);
}

export function parseQueueResumeToken(token: string, queueNo: number): readonly QueuePosition[] {
  const [, no, logs] = /^([0-9]{1,10})\.(.+)$/.exec(decode('w1', token) ?? '') ?? [];
  const positions = logs?.split('|', logsMax + 1).map(parsePosition) ?? [];
  const known = positions.filter((position) => position !== undefined);
  const isWhole = known.length > 0 && known.length === positions.length && known.length <= logsMax;
  if (!isWhole || Number(no) !== queueNo) throw invalidResumeToken('does not belong to this queue');
  return known;
}

function parsePosition(text: string): QueuePosition | undefined {
  const [, position, log, mark = ''] = /^([0-9]{1,15})\.([^#]{1,64})(?:#([0-9]{1,40}))?$/.exec(text) ?? [];
  return log === undefined ? undefined : { log, position: Number(position), mark };
}

/** Where a reader of the audit log is: beyond this row of this day, or at its beginning. */
export interface AuditCursor {
  readonly day: string;
  readonly beyond: AuditPosition | undefined;
}

export function auditPageToken(cursor: AuditCursor): string {
  return encode('u1', auditText(cursor));
}

export function parseAuditPageToken(token: string): AuditCursor {
  const cursor = auditCursor(decode('u1', token));
  if (cursor === undefined) throw invalidPageToken();
  return cursor;
}

export function auditResumeToken(cursor: AuditCursor): string {
  return encode('x1', auditText(cursor));
}

export function parseAuditResumeToken(token: string): AuditCursor {
  const cursor = auditCursor(decode('x1', token));
  if (cursor === undefined) throw invalidResumeToken('does not belong to this export');
  return cursor;
}

function auditText({ day, beyond }: AuditCursor): string {
  return beyond === undefined ? day : `${day}.${beyond.atMs}.${beyond.sequence}.${beyond.writer}`;
}

const auditCursorPattern = /^(2[0-9]{3}-[0-9]{2}-[0-9]{2})(?:\.([0-9]{1,15})\.([0-9]{1,10})\.([0-9a-zA-Z-]{0,64}))?$/;

function auditCursor(text: string | undefined): AuditCursor | undefined {
  const [, day, atMs, sequence, writer] = auditCursorPattern.exec(text ?? '') ?? [];
  if (day === undefined || !isDay(day)) return undefined;
  if (writer === undefined) return { day, beyond: undefined };
  return { day, beyond: { atMs: Number(atMs), sequence: Number(sequence), writer } };
}

function encode(kind: string, text: string): string {
  return Buffer.from(`${kind}.${text}`).toString('base64url');
}

function decode(kind: string, token: string): string | undefined {
  const text = Buffer.from(token, 'base64url').toString();
  // Accepts only what `encode` produces, so that a token has no second spelling.
  if (!text.startsWith(`${kind}.`) || Buffer.from(text).toString('base64url') !== token) return undefined;
  return text.slice(kind.length + 1);
}

function invalidResumeToken(description: string): TroupeError {
  return new TroupeError('INVALID_RESUME_TOKEN', { violations: [{ field: 'resume_token', description }] });
}

function invalidPageToken(): TroupeError {
  const violations = [{ field: 'page_token', description: 'does not belong to this list' }];
  return new TroupeError('INVALID_PAGE_TOKEN', { violations });
}
