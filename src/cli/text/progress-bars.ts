/**
 * Progress bars that are redrawn in place, on a terminal only. Each drawing moves the cursor up and rewrites all rows.
 * There are at most ten drawings per second, however many updates come.
 */
import { oneLine } from '../../domain/printable.ts';
import type { Terminal } from './terminal.ts';

export interface ProgressRow {
  readonly label: string;
  /** 0 to 1. Undefined draws no bar. */
  readonly fraction?: number;
  readonly note: string;
}

const redrawMs = 100;
const barWidth = 24;
const labelWidth = 28;

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function barText(fraction: number): string {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * barWidth);
  return `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${Math.round(fraction * 100)
    .toString()
    .padStart(3)}%`;
}

export function rowText(row: ProgressRow, columns: number): string {
  const label = clip(oneLine(row.label), labelWidth).padEnd(labelWidth);
  const bar = row.fraction === undefined ? '' : `${barText(row.fraction)}  `;
  return clip(`${label} ${bar}${oneLine(row.note)}`, columns - 1);
}

export class ProgressBars {
  readonly #terminal: Terminal;
  #rows: readonly ProgressRow[] = [];
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Shows these rows soon. Does nothing without a terminal. */
  show(rows: readonly ProgressRow[]): void {
    if (!this.#terminal.isErrTerminal) return;
    this.#rows = rows;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#draw();
    }, redrawMs);
  }

  /** Writes lines above the bars, and `result` to standard output. */
  print(text: string, result = ''): void {
    if (text === '' && result === '') return;
    this.#erase();
    if (text !== '') this.#terminal.err(text);
    if (result !== '') this.#terminal.out(result);
    if (this.#timer === undefined) this.#draw();
  }

  /** Removes the bars. Nothing is drawn until the next `show`. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#rows = [];
    this.#erase();
  }

  #draw(): void {
    this.#erase();
    if (this.#rows.length === 0) return;
    this.#terminal.drawErr(this.#rows.map((row) => `${rowText(row, this.#terminal.columns)}\n`).join(''));
    this.#drawn = this.#rows.length;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#terminal.drawErr(`\u001B[${this.#drawn}A\u001B[0J`);
    this.#drawn = 0;
  }
}
