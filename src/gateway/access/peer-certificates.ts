/**
 * What the connections of clients with certificates need besides TLS itself. A certificate does not change while its
 * connection lives.
 */
import type { Http2SecureServer, Http2Server, ServerHttp2Session } from 'node:http2';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import type { Clock } from '../../application/ports/runtime.ts';

/** setTimeout takes no more. */
const timerMaxMs = 2 ** 31 - 1;

export function followPeerCertificates(
  server: Http2Server | Http2SecureServer,
  clock: Pick<Clock, 'wallMs' | 'setTimer'>,
): void {
  server.on('secureConnection', readOnce);
  server.on('session', (session: ServerHttp2Session) => endAtExpiry(session, clock));
}

/** grpc-js asks the socket at each call, and Node would read the certificate anew, which takes longer than many a call. */
function readOnce(socket: TLSSocket): void {
  const read = socket.getPeerCertificate.bind(socket);
  let certificate: PeerCertificate | undefined;
  // Both forms of the method: nobody here asks for the authorities.
  socket.getPeerCertificate = () => (certificate ??= read()) as never;
}

/**
 * A client that renews its certificate goes on using its connection. When the old one expires, its next calls use a new
 * connection, and show the new one.
 */
function endAtExpiry(session: ServerHttp2Session, clock: Pick<Clock, 'wallMs' | 'setTimer'>): void {
  const { socket } = session;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return;
  const endsAtMs = expiryOf(socket.getPeerCertificate());
  const later = (): (() => void) =>
    clock.setTimer(Math.min(timerMaxMs, Math.max(0, endsAtMs - clock.wallMs())), () => {
      if (clock.wallMs() < endsAtMs) cancel = later();
      else session.close();
    });
  let cancel = later();
  session.once('close', () => cancel());
}

/** Epoch ms. */
export function expiryOf({ valid_to: until }: Pick<PeerCertificate, 'valid_to'>): number {
  return Date.parse(until);
}
