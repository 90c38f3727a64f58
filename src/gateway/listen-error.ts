/**
 * The error of a server that cannot listen at its address. The message says what to do and is all that a user needs to
 * see.
 */
import { createServer } from 'node:net';

export type ListenErrorCode = 'PORT_TAKEN' | 'ADDRESS_UNUSABLE' | 'INSECURE_ADDRESS';

export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: ListenErrorCode;
  readonly host: string;
  readonly port: number;

  constructor(code: ListenErrorCode, address: { readonly host: string; readonly port: number }, cause?: unknown) {
    const { host, port } = address;
    super(texts[code](host, String(port)), cause === undefined ? undefined : { cause });
    this.code = code;
    this.host = host;
    this.port = port;
  }
}

const texts: Readonly<Record<ListenErrorCode, (host: string, port: string) => string>> = {
  PORT_TAKEN: (host, port) =>
    `port ${port} on ${host} is taken: stop the process that listens there, or choose another port`,
  ADDRESS_UNUSABLE: (host, port) =>
    `cannot listen on ${host} port ${port}: this machine has no such address, or may not use it`,
  INSECURE_ADDRESS: (host) =>
    `${host} can be reached from other machines and there is no TLS: give a certificate and a key, or say that insecure is meant`,
};

/** Decides by the system's error code, not by its text. */
export function listenError(cause: unknown, address: { readonly host: string; readonly port: number }): ListenError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return new ListenError(code === 'EADDRINUSE' ? 'PORT_TAKEN' : 'ADDRESS_UNUSABLE', address, cause);
}

/**
 * Rejects if nothing can listen at the address. It is called before grpc-js binds, because grpc-js prints its own line
 * and hides the system's error code.
 */
export async function ensureListenable(host: string, port: number): Promise<void> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error) => {
      reject(listenError(error, { host, port }));
    });
    probe.listen(port, host, resolve);
  });
  await new Promise((resolve) => probe.close(resolve));
}

/** True if only this machine can connect to the host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
