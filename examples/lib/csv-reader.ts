/**
 * An incremental parser of CSV (RFC 4180). Quoted fields may contain delimiters, doubled quotes and line breaks. Lines
 * end in LF or CRLF; the last one needs no line end. Empty lines are skipped. Only one row is held in memory.
 */
const quoteCode = 34;
const lineFeed = 10;
const carriageReturn = 13;

export interface CsvLimits {
  readonly fieldMaxChars: number;
  readonly rowMaxFields: number;
}

export class CsvError extends Error {
  override readonly name = 'CsvError';
  readonly code: 'CSV_UNCLOSED_QUOTE' | 'CSV_FIELD_TOO_LONG' | 'CSV_TOO_MANY_COLUMNS';

  constructor(code: CsvError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export class CsvReader {
  readonly #delimiter: string;
  readonly #delimiterCode: number;
  readonly #limits: CsvLimits;
  readonly #onRow: (fields: readonly string[], row: number) => void;
  #row = 1;
  #fields: string[] = [];
  #field = '';
  #quoted = false;
  /** A quote was seen within a quoted field: either its end, or the first half of a doubled quote. */
  #quoteSeen = false;
  /** True if the row has at least one character, so it is not an empty line. */
  #begun = false;

  constructor(options: {
    readonly delimiter: string;
    readonly limits: CsvLimits;
    readonly onRow: (fields: readonly string[], row: number) => void;
  }) {
    this.#delimiter = options.delimiter;
    this.#delimiterCode = options.delimiter.charCodeAt(0);
    this.#limits = options.limits;
    this.#onRow = options.onRow;
  }

  /** Parses more of the text. Calls `onRow` for each complete row. Throws CsvError above a limit. */
  push(text: string): void {
    let at = 0;
    while (at < text.length) at = this.#quoted ? this.#readQuoted(text, at) : this.#readPlain(text, at);
  }

  /**
   * Call this after the last text, for a last row without a line end. Throws CsvError if a quoted field does not end.
   */
  end(): void {
    if (this.#quoted && !this.#quoteSeen) {
      throw new CsvError('CSV_UNCLOSED_QUOTE', `row ${this.#row}: a quoted field does not end`);
    }
    this.#quoted = false;
    this.#endRow();
  }

  /** Reads up to the end of a field, row or text. Returns the position from which to continue. */
  #readPlain(text: string, from: number): number {
    let at = from;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code === this.#delimiterCode || code === lineFeed) break;
      // A quote opens a quoted field only at its start. Elsewhere it is an ordinary character.
      if (code === quoteCode && at === from && this.#field === '') {
        this.#quoted = true;
        this.#begun = true;
        return at + 1;
      }
      at += 1;
    }
    this.#append(text.slice(from, at));
    if (at === text.length) return at;
    if (text[at] === this.#delimiter) this.#endField(true);
    else this.#endRow();
    return at + 1;
  }

  /** Reads up to the next quote or the end of the text. Returns the position from which to continue. */
  #readQuoted(text: string, from: number): number {
    if (this.#quoteSeen) {
      this.#quoteSeen = false;
      if (text.charCodeAt(from) !== quoteCode) {
        this.#quoted = false;
        return from;
      }
      this.#append('"');
      return from + 1;
    }
    const quote = text.indexOf('"', from);
    this.#append(quote < 0 ? text.slice(from) : text.slice(from, quote));
    this.#quoteSeen = quote >= 0;
    return quote < 0 ? text.length : quote + 1;
  }

  #append(text: string): void {
    if (text === '') return;
    this.#begun = true;
    this.#field += text;
    if (this.#field.length > this.#limits.fieldMaxChars) {
      const limit = this.#limits.fieldMaxChars;
      throw new CsvError('CSV_FIELD_TOO_LONG', `row ${this.#row}: a field is longer than ${limit} characters`);
    }
  }

  #endField(more: boolean): void {
    this.#fields.push(this.#field);
    this.#field = '';
    this.#quoteSeen = false;
    this.#begun ||= more;
    if (this.#fields.length > this.#limits.rowMaxFields) {
      const limit = this.#limits.rowMaxFields;
      throw new CsvError('CSV_TOO_MANY_COLUMNS', `row ${this.#row}: more than ${limit} columns`);
    }
  }

  #endRow(): void {
    if (this.#field.charCodeAt(this.#field.length - 1) === carriageReturn) this.#field = this.#field.slice(0, -1);
    if (this.#begun && (this.#fields.length > 0 || this.#field !== '' || this.#quoteSeen)) {
      this.#endField(false);
      this.#onRow(this.#fields, this.#row);
    }
    this.#fields = [];
    this.#field = '';
    this.#begun = false;
    this.#row += 1;
  }
}
