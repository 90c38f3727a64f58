/** The certificate of a server that never changes. */
import type { ServerTls, TlsMaterial } from '../../src/gateway/server-tls.ts';

export function fixedTls(material: TlsMaterial): ServerTls {
  return {
    asksCallers: material.clientCa !== undefined,
    follow(listener) {
      listener(material);
      return () => undefined;
    },
  };
}
