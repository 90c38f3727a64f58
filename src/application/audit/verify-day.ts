/**
 * Checks all chains of a day, in one pass over its rows. A fault counts if a second look finds it, too: a row that a gateway
 * writes meanwhile may belong before rows that have been read already, and then the first look misses it.
 */
import { isDay } from '../../domain/audit/audit-day.ts';
import { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { auditEntryMaxBytes, auditNameMaxBytes, type AuditPosition, auditRowsMax } from '../ports/audit-store.ts';
import { ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import { ChainCheck, type ChainFault } from './chain-check.ts';
import type { ListParts } from './list-entries.ts';

/** What somebody was told of a chain. */
interface ToldHead {
  readonly writer: string;
  readonly rows: number;
  readonly hash: string;
}

interface DayQuery {
  readonly day: string;
  readonly heads: readonly ToldHead[];
}

export interface ChainReport {
  readonly writer: string;
  readonly rows: number;
  readonly hash: string;
  readonly isEnded: boolean;
  /** tail: rows at the end are gone that a head says there were. */
  readonly break?: { readonly sequence: number; readonly fault: ChainFault | 'tail' };
}

const chainsMax = 10_000;
const headsMax = 1_000;

export type VerifyDay = (context: ReadContext, scope: string, query: DayQuery) => Promise<readonly ChainReport[]>;

/** Only rows that are written during a look make another one necessary, and each look sees those of the one before. */
const looksMax = 5;

export function createVerifyDay(parts: ListParts): VerifyDay {
  return async (context, scope, query) => {
    checkQuery(query);
    // So that many checks at once are refused, rather than all of them fill the memory with their pages.
    context.reserve(auditRowsMax * auditEntryMaxBytes);
    let reports = await lookThrough(parts, context, { scope, ...query });
    for (let looks = 1; looks < looksMax; looks += 1) {
      const before = new Map(reports.map(({ writer, break: at }) => [writer, at && `${at.fault} ${at.sequence}`]));
      if (reports.every(({ break: at }) => at === undefined)) return reports;
      reports = await lookThrough(parts, context, { scope, ...query });
      const isSame = ({ writer, break: at }: ChainReport) =>
        at === undefined || before.get(writer) === `${at.fault} ${at.sequence}`;
      if (reports.every(isSame)) return reports;
    }
    return reports;
  };
}

async function lookThrough(
  { store, clock }: ListParts,
  context: ReadContext,
  { scope, day, heads }: DayQuery & { readonly scope: string },
): Promise<readonly ChainReport[]> {
  const told = new Map(heads.map((head) => [head.writer, head]));
  const chains = new Map<string, ChainCheck>();
  const checkOf = (writer: string): ChainCheck => {
    const known = chains.get(writer);
    if (known !== undefined) return known;
    if (chains.size >= chainsMax) {
      throw new TroupeError('LIMIT_REACHED', { message: `the day has more than ${chainsMax} chains` });
    }
    const check = new ChainCheck({ scope, day }, writer, told.get(writer)?.rows);
    chains.set(writer, check);
    return check;
  };
  for (let beyond: AuditPosition | undefined; ;) {
    ensureAwaited(context, clock.nowMs());
    const order = 'oldest-first';
    const rows = await store.readRows({ scope, day }, { order, most: auditRowsMax, ...given({ beyond }) });
    for (const row of rows) checkOf(row.writer).accept(row);
    beyond = rows.at(-1);
    if (rows.length < auditRowsMax) break;
  }
  for (const writer of told.keys()) checkOf(writer);
  return [...chains]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([writer, check]) => reportOf(writer, check, told.get(writer)));
}

function reportOf(writer: string, check: ChainCheck, told: ToldHead | undefined): ChainReport {
  check.finish();
  const { rows, hash, isEnded } = check;
  return { writer, rows, hash, isEnded, ...given({ break: check.break ?? tailBreak(check, told) }) };
}

function tailBreak({ rows, hashThere }: ChainCheck, told: ToldHead | undefined): ChainReport['break'] {
  if (told === undefined || told.rows === 0) return undefined;
  if (rows < told.rows) return { sequence: rows + 1, fault: 'tail' };
  return hashThere === told.hash ? undefined : { sequence: told.rows, fault: 'changed' };
}

function checkQuery({ day, heads }: DayQuery): void {
  const checks = new FieldChecks();
  if (!isDay(day)) checks.add('day', day === '' ? 'is required' : 'must be a day such as 2026-11-30');
  if (heads.length > headsMax) checks.add('heads', `must have at most ${headsMax} items`);
  for (const [n, { writer, rows }] of heads.slice(0, headsMax).entries()) {
    if (writer === '') checks.add(`heads[${n}].writer`, 'is required');
    checks.length(`heads[${n}].writer`, writer, auditNameMaxBytes);
    if (rows < 1) checks.add(`heads[${n}].rows`, 'is required');
  }
  checks.ensureNone();
}
