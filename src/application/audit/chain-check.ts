/** Checks one chain, row by row in their order, and keeps the first place at which it is broken. */
import { parseEntry } from '../../domain/audit/audit-entry.ts';
import type { AuditDay, StoredAuditRow } from '../ports/audit-store.ts';
import { chainHash, chainStart } from './chain-hash.ts';

/**
 * - missing: rows before this one are gone.
 * - moved: the row lies where another one belongs.
 * - changed: the row, or the one before it, is not what was written; or the row comes after the last one.
 * - outcome: what says which row holds the outcome of this call was changed.
 */
export type ChainFault = 'missing' | 'moved' | 'changed' | 'outcome';

export interface ChainBreak {
  readonly sequence: number;
  readonly fault: ChainFault;
}

/** Calls without outcome that one chain is checked for. More are not. */
const openMax = 10_000;

export class ChainCheck {
  readonly #hashAt: number | undefined;
  #hash: string;
  /** Sequence of the outcome, by that of the intent. */
  readonly #open = new Map<number, number | undefined>();
  rows = 0;
  /** The chain has its last row: the writer has ended it. */
  isEnded = false;
  break: ChainBreak | undefined;
  /** The hash of the row that was asked for. */
  hashThere: string | undefined;

  constructor(day: AuditDay, writer: string, hashAt?: number) {
    this.#hash = chainStart(day, writer);
    this.#hashAt = hashAt;
  }

  /** Of the last row, or of nothing. */
  get hash(): string {
    return this.#hash;
  }

  accept(row: StoredAuditRow): void {
    this.rows += 1;
    const fault = this.#faultOf(row);
    if (fault !== undefined) this.break ??= { sequence: row.sequence, fault };
    this.#hash = row.hash;
    if (row.sequence === this.#hashAt) this.hashThere = row.hash;
  }

  /** After the last row. */
  finish(): void {
    for (const [sequence, outcome] of this.#open) {
      if (outcome !== undefined) this.break ??= { sequence, fault: 'outcome' };
    }
  }

  #faultOf(row: StoredAuditRow): ChainFault | undefined {
    if (this.break !== undefined) return undefined;
    if (row.sequence > this.rows) return 'missing';
    const entry = parseEntry(row.entry);
    if (row.sequence < this.rows || (entry !== undefined && (entry.seq !== row.sequence || entry.at !== row.atMs))) {
      return 'moved';
    }
    if (this.isEnded || entry === undefined || row.hash !== chainHash(this.#hash, row.entry)) return 'changed';
    if (entry.kind === 'end') this.isEnded = true;
    if (entry.kind === 'intent') {
      if (this.#open.size < openMax) this.#open.set(entry.seq, row.settledBy?.sequence);
    } else if (entry.kind === 'outcome' && entry.of.seq !== entry.seq) {
      const known = this.#open.get(entry.of.seq);
      if (this.#open.delete(entry.of.seq) && known !== entry.seq) return 'outcome';
    }
    return undefined;
  }
}
