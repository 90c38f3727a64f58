/** What all tables of figures have in common. */
import type { Percentiles, Sample } from '../harness/statistics.ts';

export function percentiles({ p50, p95, p99 }: Percentiles): string {
  return `p50 ${p50.toFixed(2)}, p95 ${p95.toFixed(2)}, p99 ${p99.toFixed(2)} ms`;
}

export function spread({ median, min, max, runs }: Sample): string {
  return runs.length === 1 ? whole(median) : `${whole(median)} (${whole(min)} to ${whole(max)})`;
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
