/**
 * `csv.summarize`: statistics of every column of a CSV. The input is the bytes of the CSV, or `{ path, … }` with a path
 * on the node's disk, which is read as a stream. So memory does not depend on the size of the file.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { bytesOr, defineHandler, reject, type HandlerContext } from 'troupe/handlers';
import { z } from 'zod';
import { ColumnSummary, type ColumnReport } from './lib/column-summary.ts';
import { CsvError, CsvReader } from './lib/csv-reader.ts';
import { rejectUnreadable } from './lib/node-file.ts';

const chunkBytes = 1024 * 1024;
const limits = { fieldMaxChars: 1_000_000, rowMaxFields: 1_000 };

const fileInput = z.object({
  path: z.string().min(1).describe('file on the disk of the node that runs the job'),
  delimiter: z
    .string()
    .regex(/^[^"\r\n]$/, 'one character, not a quote or a line break')
    .default(','),
  header: z.boolean().default(true).describe('the first row names the columns'),
  topValues: z.int().min(0).max(100).default(5).describe('most frequent values to list per column'),
});
type Options = Omit<z.infer<typeof fileInput>, 'path'>;

export interface CsvSummary {
  readonly rows: number;
  /** Rows whose number of fields differs from the number of columns. */
  readonly raggedRows: number;
  readonly columns: readonly ColumnReport[];
}

export default defineHandler({
  name: 'csv.summarize',
  version: '1.0.0',
  input: bytesOr(fileInput),
  executionTimeout: '1h',
  async run(input, ctx): Promise<CsvSummary> {
    if (input instanceof Uint8Array) return summarize(chunksOf(input), input.byteLength, defaults, ctx);
    const unreadable = rejectUnreadable(input.path);
    const { size } = await stat(input.path).catch(unreadable);
    try {
      return await summarize(createReadStream(input.path, { highWaterMark: chunkBytes }), size, input, ctx);
    } catch (error) {
      if (error instanceof Error && 'syscall' in error) unreadable(error);
      throw error;
    }
  },
});

const defaults: Options = { delimiter: ',', header: true, topValues: 5 };

function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function summarize(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  totalBytes: number,
  options: Options,
  ctx: HandlerContext,
): Promise<CsvSummary> {
  const table = new Table(options);
  const reader = new CsvReader({ delimiter: options.delimiter, limits, onRow: (fields) => table.add(fields) });
  const decoder = new TextDecoder(); // drops a byte order mark
  let readBytes = 0;
  try {
    for await (const chunk of chunks) {
      ctx.throwIfCancelled();
      reader.push(decoder.decode(chunk, { stream: true }));
      readBytes += chunk.byteLength;
      ctx.progress(readBytes / Math.max(totalBytes, 1), `${table.rows} rows`);
    }
    reader.push(decoder.decode());
    reader.end();
  } catch (error) {
    throw error instanceof CsvError ? reject(error.message, { code: error.code, cause: error }) : error;
  }
  return table.report();
}

class Table {
  readonly #options: Options;
  #columns: ColumnSummary[] | undefined;
  #raggedRows = 0;
  rows = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  add(fields: readonly string[]): void {
    if (this.#columns === undefined) {
      const { header } = this.#options;
      this.#columns = fields.map((name, index) => new ColumnSummary(header ? name : `column ${index + 1}`));
      if (header) return;
    }
    this.rows += 1;
    if (fields.length !== this.#columns.length) this.#raggedRows += 1;
    for (const [index, column] of this.#columns.entries()) column.add(fields[index] ?? '');
  }

  report(): CsvSummary {
    const columns = this.#columns ?? [];
    return {
      rows: this.rows,
      raggedRows: this.#raggedRows,
      columns: columns.map((column) => column.report(this.#options.topValues)),
    };
  }
}
