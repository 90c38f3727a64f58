/** A terminal that records what is written to it, for tests of the command line. */
import { type Terminal, terminalOn } from '../../src/cli/text/terminal.ts';

export interface RecordedTerminal extends Terminal {
  readonly written: { out: string; err: string };
  /** Simulates that nobody reads the output any more. */
  close(reason?: Error): void;
  press(key: string): void;
}

export function recordedTerminal(
  options: { readonly stdin?: string; readonly isTerminal?: boolean } = {},
): RecordedTerminal {
  const written = { out: '', err: '' };
  const { stdin = '', isTerminal = false } = options;
  const gone = new AbortController();
  let press: (key: string) => void = () => undefined;
  const terminal = terminalOn({
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    readerGone: gone.signal,
    isOutTerminal: isTerminal,
    isErrTerminal: isTerminal,
    columns: 100,
    outSize: () => ({ columns: 160, rows: 12 }),
    readStdin: async () => Buffer.from(stdin),
    readKeys(onKey) {
      press = onKey;
      return () => (press = () => undefined);
    },
  });
  const epipe = (): Error => Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
  return { ...terminal, written, close: (reason = epipe()) => gone.abort(reason), press: (key) => press(key) };
}
