/** A client that writes frames of HTTP/2 by hand, as no library would. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const frames = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  update: 8,
  more: 9,
};
export const endStream = 1;
export const endHeaders = 4;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const headBytes = 9;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header that is not compressed, and with `indexed` enters the table of the other side. */
export function header(name: string, value: string, indexed = false): Buffer {
  return Buffer.concat([Buffer.from([indexed ? 0x40 : 0x00]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.byteLength < 127) return Buffer.concat([Buffer.from([bytes.byteLength]), bytes]);
  const rest: number[] = [];
  let left = bytes.byteLength - 127;
  for (; left >= 128; left = Math.floor(left / 128)) rest.push((left % 128) + 128);
  return Buffer.concat([Buffer.from([127, ...rest, left]), bytes]);
}

/** The headers of a call. */
export function callHeaders(path: string): Buffer {
  const all = { ':method': 'POST', ':scheme': 'http', ':path': path, ':authority': 'edge' };
  const more = { 'content-type': 'application/grpc', te: 'trailers' };
  return Buffer.concat(Object.entries({ ...all, ...more }).map(([name, value]) => header(name, value)));
}

export class RawConnection {
  readonly socket: Socket;
  /** The code of each GOAWAY, and its text. */
  readonly goaways: { readonly code: number; readonly text: string }[] = [];
  /** Codes of streams that were reset, by stream. */
  readonly resets = new Map<number, number>();
  /** Streams that were answered. */
  readonly answered = new Set<number>();
  /** Pings that were answered. */
  pongs = 0;
  readonly #isSilent: boolean;
  #unread = Buffer.alloc(0);

  private constructor(socket: Socket, isSilent: boolean) {
    this.socket = socket;
    this.#isSilent = isSilent;
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
  }

  /** Connects, and says hello unless it is to be silent. */
  static async open(port: number, { silent = false } = {}): Promise<RawConnection> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const connection = new RawConnection(socket, silent);
    await once(socket, 'connect');
    if (!silent) socket.write(Buffer.concat([preface, frame(frames.settings, 0, 0)]));
    return connection;
  }

  get isOver(): boolean {
    return this.socket.destroyed || this.socket.readableEnded;
  }

  /** Writes as fast as the other side reads. False if the connection is over. */
  async write(bytes: Uint8Array): Promise<boolean> {
    if (this.isOver || this.socket.writableEnded) return false;
    if (!this.socket.write(bytes)) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          this.socket.off('drain', go).off('close', go).off('end', go);
          resolve();
        };
        this.socket.once('drain', go).once('close', go).once('end', go);
      });
    }
    return !this.isOver;
  }

  #read(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      if (this.#unread.byteLength < headBytes) return;
      const length = this.#unread.readUIntBE(0, 3);
      if (this.#unread.byteLength < headBytes + length) return;
      const stream = this.#unread.readUInt32BE(5);
      const payload = this.#unread.subarray(headBytes, headBytes + length);
      this.#take(this.#unread.readUInt8(3), this.#unread.readUInt8(4), stream, payload);
      this.#unread = this.#unread.subarray(headBytes + length);
    }
  }

  #take(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === frames.goaway)
      this.goaways.push({ code: payload.readUInt32BE(4), text: payload.toString('latin1', 8) });
    else if (type === frames.reset) this.resets.set(stream, payload.readUInt32BE(0));
    else if (type === frames.headers) this.answered.add(stream);
    else if (type === frames.ping && (flags & 1) === 1) this.pongs += 1;
    else if (type === frames.settings && (flags & 1) === 0 && !this.#isSilent)
      this.socket.write(frame(frames.settings, 1, 0));
  }
}
