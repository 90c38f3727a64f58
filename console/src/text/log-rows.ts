/** Lines of a log as rows: a row for each attempt, for what was dropped, and for each line that was looked for. */
import type { JobLog } from '../wire/shapes.ts';
import { timeMs } from './durations.ts';
import { countText } from './numbers.ts';

export type LogRow =
  | { readonly kind: 'gap'; readonly key: string; readonly text: string }
  | {
      readonly kind: 'line';
      readonly key: string;
      readonly level: string;
      readonly atMs: number | undefined;
      readonly text: string;
    };

export function logRows({ lines = [] }: JobLog, search: string): readonly LogRow[] {
  const word = search.toLowerCase();
  const rows: LogRow[] = [];
  const severalAttempts = new Set(lines.map(({ attempt }) => attempt)).size > 1;
  let attempt: number | undefined;
  let before = 0;
  for (const line of lines) {
    const { number = 0, text = '' } = line;
    const key = `${line.attempt ?? 0}.${number}`;
    if (line.attempt !== attempt) {
      if (severalAttempts)
        rows.push({ kind: 'gap', key: `attempt ${line.attempt ?? 0}`, text: `attempt ${line.attempt ?? 0}` });
      before = 0;
    }
    // Missing numbers are lines that were dropped. Without a search only: there, lines are missing anyway.
    const left = number - before - 1;
    if (word === '' && left > 0)
      rows.push({ kind: 'gap', key: `before ${key}`, text: `${countText(left)} lines were dropped` });
    attempt = line.attempt;
    before = number;
    if (!text.toLowerCase().includes(word)) continue;
    const level = (line.level ?? '').replace('LOG_LEVEL_', '').toLowerCase();
    rows.push({ kind: 'line', key, level, atMs: timeMs(line.time), text });
  }
  return rows;
}
