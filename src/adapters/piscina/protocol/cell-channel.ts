/**
 * Frames over a pipe between the node process and a cell. All threads of a cell can reach the descriptor of this pipe:
 * they can write to it, and can put themselves between the two sides. So we decode nothing before we have checked its
 * mark, length and MAC, in both directions, and use nothing before we have checked its shape. The first error ends the
 * channel: we call `onBroken` and read nothing more.
 *   frame = mark (4 bytes) · length of the body (4 bytes) · MAC (16 bytes) · body (V8 serialisation)
 */
import type { Duplex } from 'node:stream';
import { deserialize, serialize } from 'node:v8';
import { macBytes, type FrameMac } from './frame-mac.ts';

const mark = 0x54_52_50_32;
const macAt = 8;
const headBytes = macAt + macBytes;
/** The default limit. A frame carries at most one large payload. */
export const frameMaxBytes = 2 ** 30 + 2 ** 26;

export interface CellChannelOptions<In> {
  readonly macs: { readonly sent: FrameMac; readonly received: FrameMac };
  /** Undefined if the body does not have the shape of a frame. */
  readonly parse: (body: unknown) => In | undefined;
  /** Our own code sends no larger frame. Default `frameMaxBytes`. */
  readonly frameMaxBytes?: number;
  readonly onFrame: (frame: In) => void;
  readonly onBroken: (why: string) => void;
  /** Nothing will arrive any more. */
  readonly onClosed: () => void;
}

export class CellChannel<In, Out> {
  readonly #stream: Duplex;
  readonly #options: CellChannelOptions<In>;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Size of the frame that is being read, including its head; `headBytes` until it is known. */
  #wanted = headBytes;
  #over = false;
  /** Bytes received so far. */
  arrivedBytes = 0;

  constructor(stream: Duplex, options: CellChannelOptions<In>) {
    this.#stream = stream;
    this.#options = options;
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('error', () => undefined); // the other side is gone; `close` reports that
    stream.once('close', () => options.onClosed());
  }

  /** Resolves when the frame is written. The other side will then read it, even if this process dies. */
  send(frame: Out): Promise<void> {
    const body = serialize(frame);
    if (this.#stream.destroyed || !this.#stream.writable) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.cork();
      this.#stream.write(headOf(body, this.#options.macs.sent));
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

  /** Called when a whole head or a whole body has arrived. */
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
    if (!this.#options.macs.received.accepts(body, all.subarray(macAt, headBytes))) {
      this.#break('it sent a frame with a wrong MAC');
      return;
    }
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

function headOf(body: Uint8Array, mac: FrameMac): Buffer {
  const bytes = body.byteLength;
  if (bytes > frameMaxBytes) throw new RangeError(`a frame of ${bytes} bytes; ${frameMaxBytes} are allowed`);
  const head = Buffer.allocUnsafe(headBytes);
  head.writeUInt32BE(mark, 0);
  head.writeUInt32BE(bytes, 4);
  head.set(mac.next(body), macAt);
  return head;
}
