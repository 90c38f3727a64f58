/**
 * A TCP proxy with faults:
 * - `hold` keeps back one direction, as if the data were in transit.
 * - `drop` closes the connections and discards what they held, as when a machine dies.
 * - `refuse` accepts connections and closes them, like a load balancer without a server behind it.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Direction = 'to-server' | 'to-client';

export interface FaultProxy {
  /** As `127.0.0.1:port`. */
  readonly address: string;
  hold(direction: Direction): void;
  /** The number of bytes held back. */
  held(): number;
  release(): void;
  /** Closes every connection, and each new one at once, until `release`. */
  refuse(): void;
  /** Closes every connection and discards held data. New connections work normally. */
  drop(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly inner: Socket;
  readonly outer: Socket;
  readonly kept: { readonly to: Socket; readonly bytes: Buffer }[];
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const [host = '', port = ''] = target.split(':');
  const pairs = new Set<Pair>();
  const holding = new Set<Direction>();
  let refuses = false;
  const server = createServer((inner) => {
    if (refuses) {
      inner.destroy();
      return;
    }
    const outer = connect(Number(port), host);
    const pair: Pair = { inner, outer, kept: [] };
    pairs.add(pair);
    const pass = (direction: Direction, to: Socket) => (bytes: Buffer) => {
      if (holding.has(direction)) pair.kept.push({ to, bytes });
      else to.write(bytes);
    };
    inner.on('data', pass('to-server', outer));
    outer.on('data', pass('to-client', inner));
    const end = (): void => {
      pairs.delete(pair);
      inner.destroy();
      outer.destroy();
    };
    for (const socket of [inner, outer]) socket.on('close', end).on('error', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const drop = (): void => {
    holding.clear();
    for (const { inner, outer } of [...pairs]) {
      inner.destroy();
      outer.destroy();
    }
    pairs.clear();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: (direction) => void holding.add(direction),
    held: () => [...pairs].reduce((sum, { kept }) => sum + kept.reduce((bytes, one) => bytes + one.bytes.length, 0), 0),
    release() {
      refuses = false;
      holding.clear();
      for (const { kept } of pairs) for (const { to, bytes } of kept.splice(0)) to.write(bytes);
    },
    refuse() {
      refuses = true;
      drop();
    },
    drop,
    async close() {
      drop();
      server.close();
      await once(server, 'close');
    },
  };
}
