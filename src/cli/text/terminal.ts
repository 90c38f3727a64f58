/** Input and output of the command. Tests pass their own. No other code of the CLI uses the streams of `process`. */
import { fstatSync } from 'node:fs';
import { printable } from '../../domain/printable.ts';

export interface Terminal {
  /** Writes results to standard output. Control characters are made visible. */
  out(text: string): void;
  /** Writes progress, hints and errors to standard error. Control characters are made visible. */
  err(text: string): void;
  /** Like `out` and `err`, but control sequences pass unchanged. Foreign text in it must already be printable. */
  drawOut(text: string): void;
  drawErr(text: string): void;
  /** Aborted when the reader of the results is gone (`troupe follow | head -1`). From then on `out` throws. */
  readonly readerGone: AbortSignal;
  /** Whether results go to a terminal. */
  readonly isOutTerminal: boolean;
  /** Whether standard error is a terminal: only then are bars drawn. */
  readonly isErrTerminal: boolean;
  readonly columns: number;
  /** Present size of the terminal that results go to. */
  outSize(): { readonly columns: number; readonly rows: number };
  /** Reads all of standard input. */
  readStdin(): Promise<Buffer>;
  /** Calls back for each key except Ctrl-C, until the returned function is called. Without a keyboard it does nothing. */
  readKeys(onKey: (key: string) => void): () => void;
}

/** The two streams behind a terminal. */
export type Streams = Omit<Terminal, 'drawOut' | 'drawErr'>;

export function terminalOn(streams: Streams): Terminal {
  const { readerGone } = streams;
  const out = (text: string): void => {
    readerGone.throwIfAborted();
    streams.out(text);
  };
  return {
    out: (text) => out(printable(text)),
    err: (text) => streams.err(printable(text)),
    drawOut: out,
    drawErr: (text) => streams.err(text),
    readerGone,
    isOutTerminal: streams.isOutTerminal,
    isErrTerminal: streams.isErrTerminal,
    get columns() {
      return streams.columns;
    },
    outSize: () => streams.outSize(),
    readStdin: () => streams.readStdin(),
    readKeys: (onKey) => streams.readKeys(onKey),
  };
}

/** Gateways refuse inputs above this size, so we stop reading. */
const stdinMaxBytes = 512 * 1_048_576;

async function readAll(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    const part = Buffer.from(chunk as Uint8Array);
    bytes += part.byteLength;
    if (bytes > stdinMaxBytes) {
      throw new Error(`standard input is larger than ${stdinMaxBytes} bytes; use --input-file for large inputs`);
    }
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

function readKeys(onKey: (key: string) => void): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  const read = (keys: Buffer): void => {
    for (const key of keys.toString('latin1')) {
      // In raw mode the terminal does not turn Ctrl-C into a signal.
      if (key === '\u0003') process.kill(process.pid, 'SIGINT');
      else onKey(key);
    }
  };
  stdin.setRawMode(true).on('data', read);
  return () => {
    stdin.off('data', read).setRawMode(false).pause();
  };
}

/** True if the reader has closed the pipe, which is not an error. A lack of room for the results is one. */
export function isReaderGone(reason: unknown): boolean {
  return reason instanceof Error && 'code' in reason && (reason.code === 'EPIPE' || reason.code === 'EIO');
}

/** True if both streams have the same reader, as with `2>&1 | head`. */
function areOne(stdout: number, stderr: number): boolean {
  try {
    const [a, b] = [fstatSync(stdout), fstatSync(stderr)];
    return a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false;
  }
}

export function processTerminal(): Terminal {
  return terminalOn(processStreams());
}

function processStreams(): Streams {
  const { stdout, stderr } = process;
  const gone = new AbortController();
  stdout.on('error', (error) => gone.abort(error));
  // If standard error has its own reader and that is gone, the rest of its output is lost.
  stderr.on('error', (error) => {
    if (areOne(stdout.fd, stderr.fd)) gone.abort(error);
  });
  return {
    out: (text) => stdout.write(text),
    err: (text) => stderr.write(text),
    readerGone: gone.signal,
    isOutTerminal: stdout.isTTY,
    isErrTerminal: stderr.isTTY,
    get columns() {
      return stderr.isTTY ? stderr.columns : 80;
    },
    outSize: () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : { columns: 80, rows: 24 }),
    readStdin: readAll,
    readKeys,
  };
}
