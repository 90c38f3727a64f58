/**
 * Frames over a pipe between the node process and a cell, and what is done about a broken one. All threads of a cell can
 * reach the descriptor of this pipe, and so can write to it: nothing that comes is believed before its mark, length and
 * shape are checked. The first thing that is wrong ends the channel: `onBroken`, and nothing more is read.
 *   frame = mark (4 bytes) · length of the body (4 bytes) · body (V8 serialisation)
 */
import type { Duplex } from 'node:stream';
import { deserialize, serialize } from 'node:v8';

const mark = 0x54_52_50_31;
const headBytes = 8;
/** Unless a side knows better. A frame carries one payload that is large, at most. */
export const frameMaxBytes = 2 ** 30 + 2 ** 26;

export interface CellChannelOptions<In> {
  /** Undefined: it has not the shape of a frame. */
  readonly parse: (body: unknown) => In | undefined;
  /** What is larger comes from no code of ours; default `frameMaxBytes`. */
  readonly frameMaxBytes?: number;
  readonly onFrame: (frame: In) => void;
  readonly onBroken: (why: string) => void;
  /** Nothing comes any more. */
  readonly onClosed: () => void;
}

export class CellChannel<In, Out> {
  readonly #stream: Duplex;
  readonly #options: CellChannelOptions<In>;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Of the frame that is being read, its head included; `headBytes` until that is known. */
  #wanted = headBytes;
  #over = false;
  /** All that has come so far. */
  arrivedBytes = 0;

  constructor(stream: Duplex, options: CellChannelOptions<In>) {
    this.#stream = stream;
    this.#options = options;
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('error', () => undefined); // the other side is gone: `close` tells
    stream.once('close', () => options.onClosed());
  }

  /** Resolves when it is written: the other side will read it, whatever becomes of this process. */
  send(frame: Out): Promise<void> {
    const body = serialize(frame);
    if (this.#stream.destroyed || !this.#stream.writable) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.cork();
      this.#stream.write(headOf(body.byteLength));
      this.#stream.write(body, () => resolve());
      this.#stream.uncork();
    });
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    this.arrivedBytes += chunk.byteLength;
    this.#chunks.push(chunk);
    this.#held += chunk.byteLength;
    while (this.#held >= this.#wanted) this.#step();
  }

  /** A head, or a body, is there as a whole. */
  #step(): void {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    if (all === undefined) return;
    if (this.#wanted === headBytes) {
      const bytes = all.readUInt32BE(4);
      if (all.readUInt32BE(0) !== mark || bytes === 0 || bytes > (this.#options.frameMaxBytes ?? frameMaxBytes)) {
        this.#break('it sent what is no frame');
        return;
      }
      this.#chunks = [all];
      this.#wanted = headBytes + bytes;
      return;
    }
    const rest = all.subarray(this.#wanted);
    const body = all.subarray(headBytes, this.#wanted);
    this.#chunks = rest.byteLength === 0 ? [] : [rest];
    this.#held = rest.byteLength;
    this.#wanted = headBytes;
    const frame = this.#decode(body);
    if (frame === undefined) this.#break('it sent a frame of another shape');
    else this.#options.onFrame(frame);
  }

  #decode(body: Buffer): In | undefined {
    try {
      return this.#options.parse(deserialize(body));
    } catch {
      return undefined;
    }
  }

  #break(why: string): void {
    this.#over = true;
    this.#chunks = [];
    this.#held = 0;
    this.#options.onBroken(why);
  }
}

function headOf(bytes: number): Buffer {
  if (bytes > frameMaxBytes) throw new RangeError(`a frame of ${bytes} bytes; ${frameMaxBytes} are allowed`);
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt32BE(mark, 0);
  head.writeUInt32BE(bytes, 4);
  return head;
}
