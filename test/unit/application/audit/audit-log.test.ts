import { describe, expect, it } from 'vitest';
import { chainsMax, createAuditLog, heldRowsMax } from '../../../../src/application/audit/audit-log.ts';
import { createVerifyDay } from '../../../../src/application/audit/verify-day.ts';
import { ChainCheck } from '../../../../src/application/audit/chain-check.ts';
import { chainHash, chainStart } from '../../../../src/application/audit/chain-hash.ts';
import {
  auditEntryMaxBytes,
  type AuditRow,
  auditRowsMax,
  type AuditStore,
  type StoredAuditRow,
} from '../../../../src/application/ports/audit-store.ts';
import type { Logger } from '../../../../src/application/ports/runtime.ts';
import { parseEntry } from '../../../../src/domain/audit/audit-entry.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { AuditTable, createMemoryAudit } from '../../../support/memory-audit.ts';
import { silentLog } from '../../../support/stores.ts';
import { mayEverything } from '../../../support/callers.ts';
import { createManualClock } from '../manual-clock.ts';

const dayMs = 86_400_000;
const call = { method: 'CancelJob', address: '127.0.0.1', requestId: 'r' };
const scope = 'tenant/acme';

function makeLog() {
  const manual = createManualClock();
  const clock = { ...manual, skewMs: 0, wallMs: () => manual.wallMs() + clock.skewMs };
  const table = new AuditTable();
  const memory = createMemoryAudit(table);
  const writes: (readonly AuditRow[])[] = [];
  const expiries: number[] = [];
  const world = { fail: false, hold: undefined as Promise<void> | undefined };
  const store: AuditStore = {
    ...memory,
    async appendRows(day, rows, expiresAtMs) {
      writes.push(rows);
      expiries.push(expiresAtMs);
      await world.hold;
      if (world.fail) throw new TroupeError('STORE_UNAVAILABLE');
      await memory.appendRows(day, rows, expiresAtMs);
    },
  };
  const heads: unknown[] = [];
  const log: Logger = { ...silentLog, info: (fields) => heads.push(fields), child: () => log };
  const audit = createAuditLog({ store, clock, log, writer: 'w', retentionMs: dayMs });
  const today = (): string => new Date(clock.wallMs()).toISOString().slice(0, 10);
  const rows = (day = today(), of = scope): readonly StoredAuditRow[] =>
    table.days.get(JSON.stringify([of, day])) ?? [];
  const kinds = (day = today()) => rows(day).map(({ entry }) => parseEntry(entry)?.kind);
  const faultOf = (day = today()) => {
    const check = new ChainCheck({ scope, day }, 'w');
    for (const row of rows(day)) check.accept(row);
    check.finish();
    return check.break;
  };
  return { audit, clock, world, writes, expiries, store: memory, heads, table, today, rows, kinds, faultOf };
}

const settled = async (promise: Promise<unknown> | undefined) =>
  promise?.then(
    () => 'stored',
    () => 'failed',
  );

describe('the audit log', () => {
  it('writes what comes during a write together in the next one, in order', async () => {
    const { audit, world, writes, faultOf, rows } = makeLog();
    let go: () => void = () => undefined;
    world.hold = new Promise((resolve) => (go = resolve));
    const tickets = Array.from({ length: 50 }, () => audit.begin(scope, call));
    await Promise.resolve();
    go();
    await tickets.at(-1)?.stored;
    expect(writes.map((one) => one.length)).toEqual([1, 49]);
    expect(rows()).toHaveLength(50);
    expect(faultOf()).toBeUndefined();
  });

  it('repeats a failed write with the same rows, tells who waits at once, and has no gap afterwards', async () => {
    const { audit, clock, world, writes, kinds, faultOf } = makeLog();
    world.fail = true;
    const first = audit.begin(scope, call);
    expect(await settled(first?.stored)).toBe('failed');
    // It is known that the store is away.
    const second = audit.begin(scope, call);
    expect(await settled(second?.stored)).toBe('failed');
    expect(kinds()).toEqual([]);
    world.fail = false;
    clock.advance(250);
    await expect.poll(() => kinds()).toEqual(['intent', 'intent']);
    expect(writes[1]).toEqual(writes[0]);
    expect(faultOf()).toBeUndefined();
    expect(await settled(audit.begin(scope, call)?.stored)).toBe('stored');
  });

  it('holds a bounded number of rows, and records how many it has lost', async () => {
    const { audit, clock, world, kinds, rows, faultOf } = makeLog();
    world.fail = true;
    for (let n = 0; n < heldRowsMax; n += 1) expect(audit.begin(scope, call)).toBeDefined();
    for (let n = 0; n < 3; n += 1) expect(audit.begin(scope, call)).toBeUndefined();
    world.fail = false;
    clock.advance(250);
    await expect.poll(() => rows().length).toBe(heldRowsMax + 1);
    await audit.begin(scope, call)?.stored;
    expect(kinds().filter((kind) => kind === 'lost')).toEqual(['lost']);
    const lost = rows().find(({ entry }) => parseEntry(entry)?.kind === 'lost');
    expect(parseEntry(lost?.entry ?? '')).toMatchObject({ count: 3 });
    expect(faultOf()).toBeUndefined();
  });

  it('has both rows of a call in the chain of its day, which ends when the last of them has', async () => {
    const { audit, clock, kinds, heads, faultOf, today } = makeLog();
    const yesterday = today();
    const intent = audit.begin(scope, call);
    await intent?.stored;
    clock.advance(dayMs);
    const other = audit.begin(scope, call);
    await other?.stored;
    expect([kinds(yesterday), kinds()]).toEqual([['intent'], ['intent']]);
    expect(heads).toEqual([]);
    if (intent !== undefined) await audit.settle(intent, { code: 'OK' })?.stored;
    await expect
      .poll(() => heads)
      .toMatchObject([{ event: 'audit.head', scope, day: yesterday, writer: 'w', rows: 3 }]);
    expect(kinds(yesterday)).toEqual(['intent', 'outcome', 'end']);
    expect(faultOf(yesterday)).toBeUndefined();
  });

  it('ends the chains of a day without calls soon after midnight', async () => {
    const { audit, clock, kinds, heads, today } = makeLog();
    const day = today();
    await audit.deny(scope, call, 'PERMISSION_MISSING')?.stored;
    clock.advance(dayMs);
    await expect.poll(() => kinds(day)).toEqual(['denied', 'end']);
    await expect.poll(() => heads.length).toBe(1);
  });

  it('ends at a shutdown, tells its heads, and takes nothing afterwards', async () => {
    const { audit, heads, rows, kinds } = makeLog();
    await audit.begin(scope, call)?.stored;
    await audit.close(1_000);
    expect(kinds()).toEqual(['intent', 'end']);
    expect(heads).toMatchObject([{ rows: 2, hash: rows().at(-1)?.hash }]);
    expect(audit.begin(scope, call)).toBeUndefined();
  });

  it('takes no outcome of a call that outlives the end of its chain', async () => {
    const { audit, heads, kinds, faultOf, rows } = makeLog();
    const intent = audit.begin(scope, call);
    await intent?.stored;
    await audit.close(1_000);
    expect(intent && audit.settle(intent, { code: 'OK' })).toBeUndefined();
    expect(kinds()).toEqual(['intent', 'end']);
    expect(heads).toMatchObject([{ rows: 2, hash: rows().at(-1)?.hash }]);
    expect(faultOf()).toBeUndefined();
  });

  it('has the time at which each call came, also of those that waited for the store', async () => {
    const { audit, clock, world, rows, today } = makeLog();
    const day = today();
    world.fail = true;
    const times: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      times.push(clock.wallMs());
      await settled(audit.begin(scope, call)?.stored);
      clock.advance(60_000);
    }
    world.fail = false;
    clock.advance(5_000);
    await expect.poll(() => rows(day).map(({ atMs }) => atMs)).toEqual(times);
  });

  it('keeps all rows of a day until the same moment', async () => {
    const { audit, clock, expiries, kinds, today } = makeLog();
    const day = today();
    await audit.begin(scope, call)?.stored;
    clock.advance(3_600_000);
    const late = audit.begin(scope, call);
    await late?.stored;
    clock.advance(dayMs);
    if (late !== undefined) await audit.settle(late, { code: 'OK' })?.stored;
    expect(kinds(day)).toHaveLength(3);
    // Here rows are kept for a day, and the day itself counts in full.
    expect([...new Set(expiries)]).toEqual([Date.parse(`${day}T00:00:00Z`) + 2 * dayMs]);
  });

  it('has whole chains whatever the clock does, and the days of the clock once it is right again', async () => {
    const { audit, clock, store, today, heads } = makeLog();
    const days = new Set<string>();
    const record = async () => {
      days.add(today());
      await audit.deny(scope, call, 'PERMISSION_MISSING')?.stored;
    };
    const minute = 60_000;
    const hour = 60 * minute;
    const untilMidnightMs = dayMs - (clock.wallMs() % dayMs);
    const timesOf = async (day: string) =>
      (await store.readRows({ scope, day }, { order: 'newest-first', most: 99 })).map(({ atMs }) => atMs);
    await record();
    // Over midnight and back, which only the timer notices.
    clock.skewMs = untilMidnightMs + minute;
    clock.advance(minute);
    clock.skewMs = untilMidnightMs - 5 * minute;
    await record();
    // By days and hours, with calls; and back, which is by more than a little.
    for (const skewMs of [3 * dayMs, 5 * hour]) {
      clock.skewMs = skewMs;
      await record();
      clock.skewMs = 0;
      clock.advance(minute);
      await record();
      expect(await timesOf(today())).toContain(clock.wallMs());
    }
    for (let day = 0; day < 3; day += 1) {
      clock.advance(dayMs);
      await record();
    }
    await audit.close(1_000);
    const verify = createVerifyDay({ store, clock });
    const context = { tenant: 'acme', principal: mayEverything, requestId: 'r', reserve: () => undefined };
    const found = [];
    for (const day of days) found.push(...(await verify(context, scope, { day, heads: [] })));
    expect(found.map((chain) => chain.break)).toEqual(found.map(() => undefined));
    expect(found.every(({ isEnded }) => isEnded)).toBe(true);
    expect(heads).toHaveLength(found.length);
  });

  it('ends in bounded time while the store is away', async () => {
    const { audit, clock, world } = makeLog();
    world.hold = new Promise(() => undefined);
    audit.begin(scope, call);
    const closing = audit.close(1_000);
    clock.advance(1_000);
    await closing;
    expect(audit.begin(scope, call)).toBeUndefined();
  });

  it('has a bounded number of chains', async () => {
    const { audit } = makeLog();
    for (let n = 0; n < chainsMax; n += 1) {
      const ticket = audit.begin(`tenant/${n}`, call);
      expect(ticket).toBeDefined();
      if (n % 1_000 === 0) await ticket?.stored;
    }
    expect(audit.begin('tenant/one-more', call)).toBeUndefined();
    expect(audit.begin('tenant/1', call)).toBeDefined();
  });
});

describe('a chain', () => {
  /** Intent, its outcome, a refusal. */
  async function whole() {
    const world = makeLog();
    const intent = world.audit.begin(scope, call);
    if (intent !== undefined) await world.audit.settle(intent, { code: 'OK' })?.stored;
    await world.audit.deny(scope, call, 'PERMISSION_MISSING')?.stored;
    const key = JSON.stringify([scope, world.today()]);
    const change = (how: (rows: readonly StoredAuditRow[]) => readonly StoredAuditRow[]) => {
      world.table.days.set(key, [...how(world.rows())]);
      return world.faultOf();
    };
    return { ...world, change };
  }
  const at = (n: number, how: (row: StoredAuditRow) => StoredAuditRow) => (rows: readonly StoredAuditRow[]) =>
    rows.map((row, index) => (index === n ? how(row) : row));

  it('that nobody has touched is whole', async () => {
    expect((await whole()).change((rows) => rows)).toBeUndefined();
  });

  it('shows a row that was changed', async () => {
    const edited = at(0, (row) => ({ ...row, entry: row.entry.replace('CancelJob', 'GetJobLog') }));
    expect((await whole()).change(edited)).toEqual({ sequence: 1, fault: 'changed' });
    const garbled = at(1, (row) => ({ ...row, entry: '{' }));
    expect((await whole()).change(garbled)).toEqual({ sequence: 2, fault: 'changed' });
  });

  it('shows a row that was changed together with its hash, at the next one', async () => {
    const forged = at(0, (row) => ({ ...row, hash: 'f'.repeat(64) }));
    expect((await whole()).change(forged)).toEqual({ sequence: 1, fault: 'changed' });
  });

  it('shows a row that was removed, at the beginning too', async () => {
    expect((await whole()).change((rows) => rows.slice(1))).toEqual({ sequence: 2, fault: 'missing' });
    const middle = (rows: readonly StoredAuditRow[]) => rows.filter((_, n) => n !== 1);
    expect((await whole()).change(middle)).toEqual({ sequence: 3, fault: 'missing' });
  });

  it('shows rows that were swapped', async () => {
    const swapped = ([a, b, ...rest]: readonly StoredAuditRow[]) =>
      a && b ? [{ ...a, entry: b.entry, hash: b.hash }, { ...b, entry: a.entry, hash: a.hash }, ...rest] : [];
    expect((await whole()).change(swapped)).toEqual({ sequence: 1, fault: 'moved' });
  });

  it('shows that the note on its outcome was changed or removed', async () => {
    const pointed = at(0, (row) => ({ ...row, settledBy: { atMs: row.atMs, sequence: 3 } }));
    expect((await whole()).change(pointed)).toEqual({ sequence: 2, fault: 'outcome' });
    const hidden = at(0, ({ settledBy: _, ...row }) => row);
    expect((await whole()).change(hidden)).toEqual({ sequence: 2, fault: 'outcome' });
  });

  it('shows a row that was added after its end', async () => {
    const { audit, rows, today, table } = makeLog();
    await audit.begin(scope, call)?.stored;
    await audit.close(1_000);
    const entry = JSON.stringify({ at: rows().at(-1)?.atMs, kind: 'lost', count: 1, seq: 3 });
    const last = rows().at(-1);
    if (last === undefined) throw new Error('there is an end');
    const added = { ...last, sequence: 3, entry, hash: chainHash(last.hash, entry) };
    table.days.set(JSON.stringify([scope, today()]), [...rows(), added]);
    const check = new ChainCheck({ scope, day: today() }, 'w');
    for (const row of rows()) check.accept(row);
    expect(check.break).toEqual({ sequence: 3, fault: 'changed' });
  });

  it('cannot be shown as that of another tenant or day', async () => {
    const { rows } = await whole();
    const check = new ChainCheck({ scope: 'tenant/rival', day: '2026-11-30' }, 'w');
    for (const row of rows()) check.accept(row);
    expect(check.break).toEqual({ sequence: 1, fault: 'changed' });
  });

  it('without its end looks whole, but not to who has been told its head', async () => {
    const { rows, today } = await whole();
    const check = new ChainCheck({ scope, day: today() }, 'w', 3);
    for (const row of rows().slice(0, 2)) check.accept(row);
    check.finish();
    expect([check.break, check.isEnded, check.hashThere]).toEqual([undefined, false, undefined]);
  });
});

describe('a check of the running day', () => {
  const context = { tenant: 'acme', principal: mayEverything, requestId: 'r', reserve: () => undefined };

  /** The store, where `between` happens after the first page of each look but the last. */
  const checkWhile = async (log: ReturnType<typeof makeLog>, between: (look: number) => Promise<void>) => {
    let looks = 0;
    const readRows: AuditStore['readRows'] = async (day, page) => {
      const rows = await log.store.readRows(day, page);
      if (page.beyond === undefined) await between((looks += 1));
      return rows;
    };
    const verify = createVerifyDay({ store: { ...log.store, readRows }, clock: log.clock });
    let reserved = 0;
    const reserve = (bytes: number): void => void (reserved += bytes);
    const chains = await verify({ ...context, reserve }, scope, { day: log.today(), heads: [] });
    // Once, however often it looks: a page of the largest rows.
    expect(reserved).toBe(auditRowsMax * auditEntryMaxBytes);
    return chains;
  };

  it('takes a call that ends meanwhile for no fault', async () => {
    const log = makeLog();
    const intent = log.audit.begin(scope, call);
    for (let n = 0; n < 300; n += 1) log.audit.deny(scope, call, 'PERMISSION_MISSING');
    await log.audit.deny(scope, call, 'PERMISSION_MISSING')?.stored;
    const chains = await checkWhile(log, async (look) => {
      if (look === 1 && intent !== undefined) await log.audit.settle(intent, { code: 'OK' })?.stored;
    });
    expect(chains).toMatchObject([{ writer: 'w', rows: 303 }]);
    expect(chains[0]?.break).toBeUndefined();
  });

  it('takes a row that comes late for no fault, and a hidden outcome for one', async () => {
    const log = makeLog();
    const other = { writer: 'late', entry: '{}', hash: 'x' };
    const late = (sequence: number, atMs: number, before: string) => {
      const entry = JSON.stringify({ at: atMs, count: 1, kind: 'lost', seq: sequence });
      return { ...other, sequence, atMs, entry, hash: chainHash(before, entry) };
    };
    for (let n = 0; n < 300; n += 1) log.audit.deny(scope, call, 'PERMISSION_MISSING');
    await log.audit.deny(scope, call, 'PERMISSION_MISSING')?.stored;
    const where = { scope, day: log.today() };
    const first = late(1, log.clock.wallMs() - 1_000, chainStart(where, 'late'));
    const second = late(2, log.clock.wallMs() + 1_000, first.hash);
    const chains = await checkWhile(log, async (look) => {
      if (look === 1) await log.store.appendRows(where, [first, second], log.clock.nowMs() + dayMs);
    });
    expect(chains.map((one) => [one.writer, one.rows, one.break])).toEqual([
      ['late', 2, undefined],
      ['w', 301, undefined],
    ]);
    const intent = log.audit.begin(scope, call);
    if (intent !== undefined) await log.audit.settle(intent, { code: 'OK' })?.stored;
    const key = JSON.stringify([scope, log.today()]);
    log.table.days.set(
      key,
      log.rows().map(({ settledBy: _, ...row }) => row),
    );
    const found = await checkWhile(log, () => Promise.resolve());
    expect(found.find(({ writer }) => writer === 'w')?.break).toEqual({ sequence: 303, fault: 'outcome' });
  });
});
