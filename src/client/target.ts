/** Addresses of gateways: `host:port`, or a target that gRPC can resolve (`dns:///host:port`, `unix:path`). */
import { notSayable } from './client-error.ts';

/** Host and port of a gateway. */
export interface HostPort {
  /** Name or IP address. */
  readonly host: string;
  /** TCP port. Undefined if the address has none. */
  readonly port: number | undefined;
}

/** Schemes of targets that are not hosts. */
const otherScheme = /^(?:unix|unix-abstract|vsock|xds|google-c2p):/;
const scheme = /^(?:dns|ipv4|ipv6):(?:\/\/[^/]*\/)?/;

/** Host and port of an address; the first one if it has several. Undefined if the target is not a host. */
export function hostPortOf(address: string): HostPort | undefined {
  const [first = ''] = address.replace(scheme, '').split(',');
  const match = /^(?:\[([^\]]+)\]|([^:/]+))(?::(\d{1,5}))?$/.exec(first);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) return isBareIpv6(first) ? { host: first, port: undefined } : undefined;
  return { host, port: match?.[3] === undefined ? undefined : Number(match[3]) };
}

function isBareIpv6(text: string): boolean {
  return /^[\da-fA-F:.]+$/.test(text) && text.split(':').length > 2;
}

/** True if the host is this machine. A proxy cannot reach it, so none is used. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase();
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^(?:::ffff:)?127(?:\.\d+){3}$/.test(name)
  );
}

/** Throws INVALID_ARGUMENT if the address is invalid. The error says what to write instead. */
export function checkAddress(address: string, isTls: boolean): void {
  const wrong = wrongWith(address, isTls);
  if (wrong !== undefined) throw notSayable('INVALID_ARGUMENT', [{ field: 'address', description: wrong }]);
}

function wrongWith(address: string, isTls: boolean): string | undefined {
  if (address === '') return 'must be host:port, such as 127.0.0.1:50051';
  const url = /^(https?):\/\/([^/?#]*)/i.exec(address);
  if (url !== null) {
    const [, protocol = '', host = ''] = url;
    const withTls = protocol.toLowerCase() === 'https' ? ', with TLS' : '';
    return `is a URL: write ${hostPortOf(host)?.port === undefined ? `${host || 'host'}:50051` : host}${withTls}`;
  }
  const target = hostPortOf(address);
  if (target === undefined) return otherScheme.test(address) ? undefined : 'must be host:port, such as 127.0.0.1:50051';
  if (target.port !== undefined)
    return target.port >= 1 && target.port <= 65_535 ? undefined : 'has a port that is not from 1 to 65535';
  // Without a port gRPC would use 443, which is right for TLS only.
  if (isTls) return undefined;
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  return `has no port: write ${host}:50051`;
}
