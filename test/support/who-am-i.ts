/** A server of the one method WhoAmI, for tests of how client commands reach a gateway. */
import type { Server } from '@grpc/grpc-js';
import { loadContract } from '../../src/contract/codec.ts';

interface Call {
  readonly metadata: { get(name: string): (string | Buffer)[] };
}

/** `hear` gets the `authorization` of each call. */
export function serveWhoAmI(server: Server, hear: (authorization: string | undefined) => void): void {
  const { WhoAmI } = loadContract().access;
  server.addService(
    { WhoAmI },
    {
      WhoAmI: (call: Call, answer: (error: null, value: object) => void) => {
        hear(call.metadata.get('authorization')[0]?.toString());
        answer(null, { principal: 'jwt:test:alice', roles: [], permissions: [] });
      },
    },
  );
}
