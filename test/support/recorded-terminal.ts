/** A terminal that keeps what was written, for tests of the command line. */
import type { Terminal } from '../../src/cli/terminal.ts';

export interface RecordedTerminal extends Terminal {
  readonly written: { out: string; err: string };
}

export function recordedTerminal(
  options: { readonly stdin?: string; readonly isTerminal?: boolean } = {},
): RecordedTerminal {
  const written = { out: '', err: '' };
  const { stdin = '', isTerminal = false } = options;
  return {
    written,
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    isOutTerminal: isTerminal,
    isErrTerminal: isTerminal,
    columns: 100,
    outSize: () => ({ columns: 160, rows: 12 }),
    readStdin: async () => Buffer.from(stdin),
  };
}
