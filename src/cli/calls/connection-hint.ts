/**
 * Finds out why no gateway answers, by connecting itself. Plain text where TLS is expected, and the reverse, look like
 * silence to gRPC. It runs only after a command has failed. It decides by error codes, not by texts.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TlsOptions } from '../../client/index.ts';
import { given } from '../../domain/given.ts';

export interface Addressed {
  readonly host: string;
  readonly port: number;
  /** Undefined for plain text. */
  readonly tls: TlsOptions | undefined;
}

const probeMs = 2_000;

type Outcome = 'open' | { readonly code: string };

/** Only after the handshake a server says that it refuses the certificate of the client, or just ends the connection. */
const refusedCode = 'REFUSED_AFTER_HANDSHAKE';

/** `data`: the server has to speak, too, as one of HTTP/2 does at once. */
function outcomeOf(socket: Socket, openEvent: 'connect' | 'secureConnect' | 'data'): Promise<Outcome> {
  return new Promise((resolve) => {
    let isShaken = false;
    const end = (outcome: Outcome): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once('secureConnect', () => (isShaken = true));
    socket.once(openEvent, () => end('open'));
    socket.once('error', (error) => {
      const code = 'code' in error ? String(error.code) : error.name;
      end({ code: isShaken ? refusedCode : code });
    });
    socket.once('close', () => end({ code: isShaken ? refusedCode : 'ECONNRESET' }));
    socket.setTimeout(probeMs, () => end(isShaken ? 'open' : { code: 'ETIMEDOUT' }));
  });
}

const socketWords: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens at this address'],
  ['ENOTFOUND', 'the host name does not exist'],
  ['EAI_AGAIN', 'the host name cannot be resolved at the moment'],
  ['EHOSTUNREACH', 'the host is unreachable'],
  ['ENETUNREACH', 'the network is unreachable'],
  ['ETIMEDOUT', 'the host did not answer in time'],
]);

/** OpenSSL's codes for a peer that does not speak TLS. */
const plainTextCodes = new Set([
  'EPROTO',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ECONNRESET',
]);

/** Resolves to undefined if the reason is unknown. */
export async function connectionHint({ host, port, tls }: Addressed): Promise<string | undefined> {
  const tcp = await outcomeOf(connectTcp({ host, port }), 'connect');
  if (tcp !== 'open') return socketWords.get(tcp.code) ?? tcp.code;
  const servername = /^[\d.]+$|:/.test(host) ? undefined : host;
  const { ca, cert, key } = tls ?? {};
  const options = { host, port, ALPNProtocols: ['h2'], ...given({ ca, cert, key, servername }) };
  const secure = (rejectUnauthorized: boolean): Promise<Outcome> =>
    outcomeOf(connectTls({ ...options, rejectUnauthorized }), rejectUnauthorized ? 'data' : 'secureConnect');
  if (tls === undefined)
    return (await secure(false)) === 'open' ? 'the gateway uses TLS: add --tls, or --ca FILE' : undefined;
  const handshake = await secure(true);
  if (handshake === 'open') return undefined;
  if (plainTextCodes.has(handshake.code)) return 'the gateway does not use TLS: leave out --tls and --ca';
  if (handshake.code === refusedCode)
    return cert === undefined
      ? 'it ended the connection after the handshake; if it asks for a certificate, add --client-cert FILE --client-key FILE'
      : 'it does not accept the certificate of --client-cert';
  return `its certificate is not trusted (${handshake.code}): name its certificate authority with --ca FILE`;
}
