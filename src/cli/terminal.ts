/** Where the command reads and writes. Tests give one of their own; nothing in the CLI touches `process` streams else. */
import { fstatSync } from 'node:fs';
import { printable } from '../domain/printable.ts';

export interface Terminal {
  /** Results: what a pipe wants. Text in lines; control characters are shown, not sent. */
  out(text: string): void;
  /** Everything else: progress, hints, complaints. */
  err(text: string): void;
  /** The same, with control sequences of our own: the words of others in it must be printable already. */
  drawOut(text: string): void;
  drawErr(text: string): void;
  /** Aborted when nobody reads the results any more (`troupe follow | head -1`); `out` throws from then on. */
  readonly readerGone: AbortSignal;
  /** Whether results go to a person. */
  readonly isOutTerminal: boolean;
  /** Whether the rest does: only then are bars drawn. */
  readonly isErrTerminal: boolean;
  readonly columns: number;
  /** Of the terminal that results go to, as it is now. */
  outSize(): { readonly columns: number; readonly rows: number };
  /** All of standard input. */
  readStdin(): Promise<Buffer>;
  /** Calls back for each key but Ctrl-C, until the answer is called. Without a keyboard it does nothing. */
  readKeys(onKey: (key: string) => void): () => void;
}

/** What a terminal is made of: two streams that take anything. */
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

/** Input from a pipe past this is refused by any gateway; there is no use in reading on. */
const stdinMaxBytes = 512 * 1_048_576;

async function readAll(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    const part = Buffer.from(chunk as Uint8Array);
    bytes += part.byteLength;
    if (bytes > stdinMaxBytes) throw new Error(`standard input is larger than ${stdinMaxBytes} bytes`);
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}

function readKeys(onKey: (key: string) => void): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  const read = (keys: Buffer): void => {
    for (const key of keys.toString('latin1')) {
      // The terminal makes no signal of it now.
      if (key === '\u0003') process.kill(process.pid, 'SIGINT');
      else onKey(key);
    }
  };
  stdin.setRawMode(true).on('data', read);
  return () => {
    stdin.off('data', read).setRawMode(false).pause();
  };
}

/** A reader that has seen enough is no error; that there is no room for the results is one. */
export function isReaderGone(reason: unknown): boolean {
  return reason instanceof Error && 'code' in reason && (reason.code === 'EPIPE' || reason.code === 'EIO');
}

/** `2>&1 | head`: who reads the one reads the other. */
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
  // Without a reader of its own the rest is told to nobody.
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
