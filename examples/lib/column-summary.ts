/** Summarizes one column of a table, in memory that does not grow with the rows. */
import { kindOf, type ValueKind } from './value-kind.ts';

/** At most this many distinct values are counted exactly. Of later ones we only know that they exist. */
const distinctMax = 10_000;
const countedMaxChars = 200;

export type ColumnType = ValueKind | 'empty';

export interface ColumnReport {
  readonly name: string;
  readonly type: ColumnType;
  /** Rows with a value in this column. */
  readonly count: number;
  readonly empty: number;
  readonly min: number | string | null;
  readonly max: number | string | null;
  /** Mean of a numeric column, otherwise null. */
  readonly mean: number | null;
  /** Standard deviation of the population. */
  readonly stddev: number | null;
  readonly distinct: number;
  /**
   * True if there were too many values to count: `distinct` is then a lower bound, and `top` covers only the values
   * seen first.
   */
  readonly distinctIsBounded: boolean;
  readonly top: readonly { readonly value: string; readonly count: number }[];
}

export class ColumnSummary {
  readonly #name: string;
  readonly #kinds = { integer: 0, number: 0, boolean: 0, date: 0, text: 0 };
  readonly #counts = new Map<string, number>();
  #empty = 0;
  #distinctIsBounded = false;
  #numbers = 0;
  #mean = 0;
  #squares = 0;
  #least = Number.POSITIVE_INFINITY;
  #most = Number.NEGATIVE_INFINITY;
  #first: string | undefined;
  #last: string | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  add(raw: string): void {
    const value = raw.trim();
    if (value === '') {
      this.#empty += 1;
      return;
    }
    const kind = kindOf(value);
    this.#kinds[kind] += 1;
    if (kind === 'integer' || kind === 'number') this.#addNumber(Number(value));
    if (this.#first === undefined || value < this.#first) this.#first = value.slice(0, countedMaxChars);
    if (this.#last === undefined || value > this.#last) this.#last = value.slice(0, countedMaxChars);
    this.#tally(value.slice(0, countedMaxChars));
  }

  report(topValues: number): ColumnReport {
    const type = this.#type();
    const numeric = type === 'integer' || type === 'number';
    const top = [...this.#counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, topValues);
    return {
      name: this.#name,
      type,
      count: Object.values(this.#kinds).reduce((sum, count) => sum + count, 0),
      empty: this.#empty,
      min: (numeric ? this.#least : this.#first) ?? null,
      max: (numeric ? this.#most : this.#last) ?? null,
      mean: numeric ? this.#mean : null,
      stddev: numeric ? Math.sqrt(this.#squares / this.#numbers) : null,
      distinct: this.#counts.size,
      distinctIsBounded: this.#distinctIsBounded,
      top: top.map(([value, count]) => ({ value, count })),
    };
  }

  /** Welford's algorithm, which is numerically stable in one pass. */
  #addNumber(value: number): void {
    this.#numbers += 1;
    const delta = value - this.#mean;
    this.#mean += delta / this.#numbers;
    this.#squares += delta * (value - this.#mean);
    this.#least = Math.min(this.#least, value);
    this.#most = Math.max(this.#most, value);
  }

  #tally(value: string): void {
    const seen = this.#counts.get(value);
    if (seen !== undefined || this.#counts.size < distinctMax) this.#counts.set(value, (seen ?? 0) + 1);
    else this.#distinctIsBounded = true;
  }

  /** The narrowest type that fits all values. */
  #type(): ColumnType {
    const { integer, number, boolean, date, text } = this.#kinds;
    const kinds = [integer + number, boolean, date, text].filter((count) => count > 0).length;
    if (kinds === 0) return 'empty';
    if (kinds > 1 || text > 0) return 'text';
    if (boolean > 0) return 'boolean';
    if (date > 0) return 'date';
    return number > 0 ? 'number' : 'integer';
  }
}
