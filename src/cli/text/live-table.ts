/**
 * A table that is redrawn in place on the terminal's alternate screen, as `top` does. Closing it restores the main
 * screen. It shows what fits, and says how many rows do not.
 */
import { type Fit, fitTable, tableText } from './text-table.ts';
import type { Terminal } from './terminal.ts';

const enter = '\u001B[?1049h\u001B[?25l';
const leave = '\u001B[?25h\u001B[?1049l';
const home = '\u001B[H';
const clearLine = '\u001B[K';
const clearBelow = '\u001B[J';

export class LiveTable {
  readonly #terminal: Terminal;
  #open = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** `above`: lines over the table. Of those at least one stays, and one row of the table. */
  draw(above: readonly string[], header: readonly string[], all: readonly (readonly string[])[], fit: Fit): void {
    const { columns, rows: height } = this.#terminal.outSize();
    const titles = above.slice(0, Math.max(1, height - 3));
    // Reserve lines for the titles, the header, and the number of hidden rows.
    const room = Math.max(1, height - titles.length - 2);
    const hidden = Math.max(0, all.length - room);
    const fitted = fitTable({ header, rows: all.slice(0, room) }, columns, fit);
    const table = tableText(fitted.header, fitted.rows).trimEnd().split('\n');
    const lines = [...titles, ...table, ...(hidden > 0 ? [`... ${hidden} more`] : [])];
    const clipped = lines.map((line) => line.slice(0, columns) + clearLine);
    this.#terminal.drawOut(`${this.#open ? '' : enter}${home}${clipped.join('\r\n')}${clearBelow}`);
    this.#open = true;
  }

  close(): void {
    if (this.#open && !this.#terminal.readerGone.aborted) this.#terminal.drawOut(leave);
    this.#open = false;
  }
}
