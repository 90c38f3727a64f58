/** Tables with aligned columns. The last column is not padded, so that trailing blanks do not wrap. */
import { oneLine } from '../../domain/printable.ts';

export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map(oneLine));
  const widths = header.map((_name, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row.map((text, column) => (column === row.length - 1 ? text : text.padEnd(widths[column] ?? 0))).join('  ');
  return all.map((row) => `${line(row).trimEnd()}\n`).join('');
}

/** How a table is fitted to a narrow screen. */
export interface Fit {
  /** Columns to leave out, in this order, as far as necessary. */
  readonly spare: readonly string[];
  /** The column that is then shortened at its beginning. */
  readonly path: string;
  /** Smallest width of the last column. */
  readonly lastWidth: number;
}

const gap = 2;
const pathWidthMin = 16;

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Removes columns until the last column has enough room. */
export function fitTable(table: Table, columns: number, { spare, path, lastWidth }: Fit): Table {
  let fitted = table;
  const excess = (): number => leadWidth(fitted) + lastWidth - columns;
  for (const name of spare) {
    if (excess() <= 0) return fitted;
    fitted = without(fitted, fitted.header.indexOf(name));
  }
  const at = fitted.header.indexOf(path);
  if (excess() <= 0 || at === -1) return fitted;
  const widthMax = Math.max(pathWidthMin, widthOf(fitted, at) - excess());
  const clip = (text: string): string => (text.length <= widthMax ? text : `…${text.slice(1 - widthMax)}`);
  return { ...fitted, rows: fitted.rows.map((row) => row.map((text, column) => (column === at ? clip(text) : text))) };
}

function widthOf({ header, rows }: Table, column: number): number {
  return Math.max(...[header, ...rows].map((row) => (row[column] ?? '').length));
}

/** Width of all columns except the last. */
function leadWidth(table: Table): number {
  return table.header.slice(0, -1).reduce((sum, _name, column) => sum + widthOf(table, column) + gap, 0);
}

function without({ header, rows }: Table, at: number): Table {
  const rest = (row: readonly string[]): readonly string[] => row.filter((_text, column) => column !== at);
  return at === -1 ? { header, rows } : { header: rest(header), rows: rows.map(rest) };
}
