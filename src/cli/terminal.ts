/** Where the command reads and writes. Tests give one of their own; nothing in the CLI touches `process` streams else. */

export interface Terminal {
  /** Results: what a pipe wants. */
  out(text: string): void;
  /** Everything else: progress, hints, complaints. */
  err(text: string): void;
  /** Whether results go to a person. */
  readonly isOutTerminal: boolean;
  /** Whether the rest does: only then are bars drawn. */
  readonly isErrTerminal: boolean;
  readonly columns: number;
  /** Of the terminal that results go to, as it is now. */
  outSize(): { readonly columns: number; readonly rows: number };
  /** All of standard input. */
  readStdin(): Promise<Buffer>;
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

export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  // `troupe list | head`: a reader that has seen enough is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return {
    out: (text) => stdout.write(text),
    err: (text) => stderr.write(text),
    isOutTerminal: stdout.isTTY,
    isErrTerminal: stderr.isTTY,
    columns: stderr.isTTY ? stderr.columns : 80,
    outSize: () => (stdout.isTTY ? { columns: stdout.columns, rows: stdout.rows } : { columns: 80, rows: 24 }),
    readStdin: readAll,
  };
}
