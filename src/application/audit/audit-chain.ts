/**
 * The chain of one writer, scope and day. Rows are written in their order, all that wait together; while one write is under
 * way the next ones wait. A write that fails is repeated with the same rows until it succeeds, so a chain has no gap: at
 * most its end is missing. Who waits for a row of a failed write is told at once, and the row is stored later.
 *
 * A crash loses the rows that were not acknowledged yet, and so only intents of calls that have not begun, outcomes and
 * refusals.
 */
import { dayAfter, startOfDayMs } from '../../domain/audit/audit-day.ts';
import { type AuditContent, entryText } from '../../domain/audit/audit-entry.ts';
import { given } from '../../domain/given.ts';
import {
  type AuditDay,
  auditEntryMaxBytes,
  type AuditRow,
  auditRowsMax,
  type AuditStore,
} from '../ports/audit-store.ts';
import type { Clock } from '../ports/runtime.ts';
import { chainHash, chainStart } from './chain-hash.ts';

const retryMinMs = 250;
const retryMaxMs = 5_000;

/** Rows that all chains of a process hold in memory. */
export class HeldRows {
  readonly #max: number;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get isFull(): boolean {
    return this.#count >= this.#max;
  }

  change(by: number): void {
    this.#count += by;
  }
}

export interface ChainParts {
  readonly store: AuditStore;
  readonly clock: Clock;
  readonly retentionMs: number;
  readonly held: HeldRows;
}

/** Where a row is, once it has its place in the chain. */
interface Place {
  readonly at: number;
  readonly seq: number;
}

/** A row on its way to the store. */
export interface AuditTicket {
  readonly chain: AuditChain;
  /** Resolves when the row is durable. Rejects when a write of it has failed, or cannot be made now; it is repeated. */
  readonly stored: Promise<undefined>;
  place: Place | undefined;
}

/** Content, except that an outcome names the ticket of its intent, which may have no place yet. */
export type NewContent =
  | Exclude<AuditContent, { readonly kind: 'outcome' }>
  | (Omit<Extract<AuditContent, { readonly kind: 'outcome' }>, 'of'> & { readonly of: AuditTicket });

interface Waiting {
  /** When it came, which is before it has its place while the store does not answer. */
  readonly atMs: number;
  readonly content: NewContent;
  readonly ticket: AuditTicket;
  readonly settle: (error?: unknown) => void;
}

export interface ChainHead extends AuditDay {
  readonly writer: string;
  readonly rows: number;
  readonly hash: string;
}

export class AuditChain {
  readonly #parts: ChainParts;
  readonly #day: AuditDay;
  readonly #writer: string;
  #sequence = 0;
  #hash: string;
  #atMs = 0;
  #stored: ChainHead;
  #waiting: Waiting[] = [];
  /** Rows that have their place, and are being written. */
  #sealed: readonly (AuditRow & { readonly of: Waiting })[] = [];
  #lost = 0;
  #failure: unknown;
  #isEnded = false;
  #running: Promise<void> | undefined;
  /** Calls whose outcomes are to come. */
  openCalls = 0;

  constructor(parts: ChainParts, day: AuditDay, writer: string) {
    this.#parts = parts;
    this.#day = day;
    this.#writer = writer;
    this.#hash = chainStart(day, writer);
    this.#stored = { ...day, writer, rows: 0, hash: this.#hash };
  }

  get day(): string {
    return this.#day.day;
  }

  /** The last row that is known to be stored. */
  get head(): ChainHead {
    return this.#stored;
  }

  /**
   * Undefined if there is no room. Then the loss is counted, and recorded once there is room again. Undefined also for what
   * comes after the end: whoever reads the end must be able to rely on it.
   */
  add(content: NewContent): AuditTicket | undefined {
    if (this.#isEnded) return undefined;
    if (content.kind === 'end') this.#isEnded = true;
    if (this.#parts.held.isFull) {
      this.#lost += 1;
      return undefined;
    }
    this.#parts.held.change(1);
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    // Nobody may be waiting.
    promise.catch(() => undefined);
    const ticket: AuditTicket = { chain: this, stored: promise, place: undefined };
    const settle = (error?: unknown): void => {
      if (error === undefined) resolve(undefined);
      else reject(error);
    };
    if (this.#failure !== undefined) settle(this.#failure);
    this.#atMs = Math.max(this.#atMs, Math.floor(this.#parts.clock.wallMs()));
    this.#waiting.push({ atMs: this.#atMs, content, ticket, settle });
    this.#run();
    return ticket;
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #run(): void {
    this.#running ??= this.#writeAll().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0) this.#run();
    });
  }

  async #writeAll(): Promise<void> {
    const { store, clock, held } = this.#parts;
    let pauseMs = retryMinMs;
    while (this.#sealed.length > 0 || this.#waiting.length > 0) {
      if (this.#sealed.length === 0) this.#seal();
      const rows = this.#sealed.map(({ of: _, ...row }) => row);
      try {
        await store.appendRows(this.#day, rows, this.#expiresAtMs());
      } catch (error) {
        this.#fail(error);
        await new Promise<void>((resolve) => clock.setTimer(pauseMs, resolve));
        pauseMs = Math.min(2 * pauseMs, retryMaxMs);
        continue;
      }
      pauseMs = retryMinMs;
      this.#failure = undefined;
      const last = rows.at(-1);
      if (last !== undefined) this.#stored = { ...this.#stored, rows: last.sequence, hash: last.hash };
      for (const { of } of this.#sealed) of.settle();
      held.change(-this.#sealed.length);
      this.#sealed = [];
    }
  }

  /** All rows of a day leave at once. Else a chain would lose its beginning first, and look as if somebody had cut it. */
  #expiresAtMs(): number {
    const { clock, retentionMs } = this.#parts;
    return clock.nowMs() + (startOfDayMs(dayAfter(this.day)) - clock.wallMs()) + retentionMs;
  }

  #fail(error: unknown): void {
    this.#failure = error;
    for (const { of } of this.#sealed) of.settle(error);
    for (const { settle } of this.#waiting) settle(error);
  }

  #seal(): void {
    if (this.#lost > 0 && !this.#parts.held.isFull) {
      const count = this.#lost;
      this.#lost = 0;
      this.#parts.held.change(1);
      const ticket: AuditTicket = { chain: this, stored: Promise.resolve(undefined), place: undefined };
      const atMs = this.#waiting[0]?.atMs ?? this.#atMs;
      this.#waiting.unshift({ atMs, content: { kind: 'lost', count }, ticket, settle: () => undefined });
    }
    const next = this.#waiting.splice(0, auditRowsMax);
    this.#sealed = next.map((waiting) => ({ ...this.#row(waiting), of: waiting }));
  }

  #row({ atMs: at, content, ticket }: Waiting): AuditRow {
    this.#sequence += 1;
    const place = { at, seq: this.#sequence };
    ticket.place = place;
    const intent = content.kind === 'outcome' ? content.of.place : undefined;
    const entry = entryText(
      content.kind === 'outcome' ? { ...content, ...place, of: intent ?? place } : { ...content, ...place },
      auditEntryMaxBytes,
      (text) => Buffer.byteLength(text),
    );
    this.#hash = chainHash(this.#hash, entry);
    const settles = intent === undefined ? undefined : { atMs: intent.at, sequence: intent.seq };
    const { at: atMs, seq: sequence } = place;
    return { atMs, writer: this.#writer, sequence, entry, hash: this.#hash, ...given({ settles }) };
  }
}
