/** Whether a process will get its ports: a taken one is said before it is started, by its key in the environment. */
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

/** The code of the error, or undefined when the port of the loopback interface is free. */
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
