/** Formats log lines of jobs for people and scripts. */
import type { JobLog } from '../../client/index.ts';
import { oneLine } from '../../domain/printable.ts';
import { documentLine } from './job-document.ts';

/** One line is `12:00:01.250 1 warn text`: time, attempt, level, text. The number of dropped lines comes first. */
export function logLines({ lines, skipped }: JobLog, isJson: boolean, jobId: string): string {
  if (isJson) return lines.map((line) => documentLine({ jobId, ...line })).join('');
  const dropped = skipped === 0 ? '' : `... ${skipped} lines were dropped\n`;
  const texts = lines.map(({ at, attempt, level, text }) => {
    const lead = `${at.toISOString().slice(11, 23)} ${attempt} ${level.padEnd(5)} `;
    // Continuation lines are indented, so that they cannot pass for other log lines.
    return `${lead}${text
      .trimEnd()
      .split(/\r?\n/)
      .map(oneLine)
      .join(`\n${' '.repeat(lead.length)}`)}\n`;
  });
  return dropped + texts.join('');
}
