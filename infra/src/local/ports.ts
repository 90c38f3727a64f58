/**
 * Checks the ports of a process before it is started. A port that is in use is reported with its key in the
 * environment.
 */
import { createServer } from 'node:net';
import type { ProcessSpec } from './process-spec.ts';

export async function assertPortsFree({ name, ports }: ProcessSpec): Promise<void> {
  const complaints: string[] = [];
  for (const { key, port } of ports) {
    const code = await listenError(port);
    if (code === undefined) continue;
    const why = code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${code})`;
    complaints.push(
      `${name}: port ${port} (${key} of the environment) ${why}; end that program, or choose another port`,
    );
  }
  if (complaints.length > 0) throw new Error(complaints.join('\n'));
}

/** Resolves to the error code, or to undefined if the port on the loopback interface is free. */
function listenError(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => {
        resolve(undefined);
      });
    });
  });
}
