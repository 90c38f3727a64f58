/**
 * A server that speaks just enough of Cassandra's protocol (version 4) for cassandra-driver to connect, stay connected
 * and send queries: one node, no tables, and every query returns no rows.
 * It simulates outages. `refuse` accepts connections and closes them at once, like a proxy whose server is away.
 * `closeAt` closes each connection instead of answering its nth request.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface StandInCql {
  /** As `127.0.0.1:port`. */
  readonly address: string;
  serve(): void;
  refuse(): void;
  /** Applies to new connections. 1 is the first request. */
  closeAt(request: number): void;
  /** Closes every connection. */
  drop(): void;
  /** The number of connections accepted since the start. */
  accepted(): number;
  open(): number;
  close(): Promise<void>;
}

const headerBytes = 9;
const opcodes = {
  error: 0,
  startup: 1,
  ready: 2,
  options: 5,
  supported: 6,
  query: 7,
  result: 8,
  prepare: 9,
  register: 11,
};
const protocolError = 0x0a;
const types = { uuid: 0x0c, text: 0x0d, inet: 0x10 };

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const short = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([short(Buffer.byteLength(value)), Buffer.from(value)]);
const cell = (value: Buffer): Buffer => Buffer.concat([int(value.length), value]);

interface Column {
  readonly name: string;
  readonly type: number;
  readonly value: Buffer;
}

/** At most one row, which is all that system.local has. */
function rows(columns: readonly Column[]): Buffer {
  const names = columns.map(({ name, type }) => Buffer.concat([text(name), short(type)]));
  const values = columns.map(({ value }) => cell(value));
  const count = int(columns.length > 0 ? 1 : 0);
  return Buffer.concat([
    int(2),
    int(1),
    int(columns.length),
    text('system'),
    text('local'),
    ...names,
    count,
    ...values,
  ]);
}

const local = rows([
  { name: 'data_center', type: types.text, value: Buffer.from('datacenter1') },
  { name: 'rack', type: types.text, value: Buffer.from('rack1') },
  { name: 'release_version', type: types.text, value: Buffer.from('5.0.8') },
  { name: 'partitioner', type: types.text, value: Buffer.from('org.apache.cassandra.dht.Murmur3Partitioner') },
  { name: 'host_id', type: types.uuid, value: Buffer.alloc(16, 7) },
  { name: 'rpc_address', type: types.inet, value: Buffer.from([127, 0, 0, 1]) },
]);
const nothing = rows([]);
/** Statement id `q`, no parameters, no columns. */
const prepared = Buffer.concat([int(4), text('q'), int(0), int(0), int(0), int(0), int(0)]);

function answer(opcode: number, body: Buffer): readonly [opcode: number, body: Buffer] {
  switch (opcode) {
    case opcodes.startup:
    case opcodes.register:
      return [opcodes.ready, Buffer.alloc(0)];
    case opcodes.options:
      return [opcodes.supported, short(0)];
    case opcodes.prepare:
      return [opcodes.result, prepared];
    case opcodes.query:
      return [opcodes.result, body.includes('FROM system.local') ? local : nothing];
    default:
      return [opcodes.result, nothing];
  }
}

function frame(stream: number, opcode: number, body: Buffer): Buffer {
  const header = Buffer.from([0x84, 0, 0, 0, opcode, 0, 0, 0, 0]);
  header.writeInt16BE(stream, 2);
  header.writeInt32BE(body.length, 5);
  return Buffer.concat([header, body]);
}

/** Reads and answers frames. A version other than 4 is refused as Cassandra does. */
function talk(socket: Socket, closeAt: number): void {
  let bytes = Buffer.alloc(0);
  let requests = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= headerBytes) {
      const end = headerBytes + bytes.readInt32BE(5);
      if (bytes.length < end) return;
      const [version, stream, opcode, body] = [
        bytes.readUInt8(0),
        bytes.readInt16BE(2),
        bytes.readUInt8(4),
        bytes.subarray(headerBytes, end),
      ];
      bytes = bytes.subarray(end);
      if (version !== 4) {
        const refusal = Buffer.concat([int(protocolError), text('Invalid or unsupported protocol version')]);
        socket.write(frame(stream, opcodes.error, refusal));
        continue;
      }
      requests += 1;
      if (requests >= closeAt) {
        socket.destroy();
        return;
      }
      socket.write(frame(stream, ...answer(opcode, body)));
    }
  });
}

export async function startStandInCql(): Promise<StandInCql> {
  const sockets = new Set<Socket>();
  let [accepted, refuses, closeAt] = [0, false, Infinity];
  const server = createServer((socket) => {
    accepted += 1;
    socket.on('error', () => undefined);
    if (refuses) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    talk(socket, closeAt);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve: () => void ([refuses, closeAt] = [false, Infinity]),
    refuse: () => void (refuses = true),
    closeAt: (request) => void ([refuses, closeAt] = [false, request]),
    drop,
    accepted: () => accepted,
    open: () => sockets.size,
    async close() {
      drop();
      server.close();
      await once(server, 'close');
    },
  };
}
