/** Probes whether a process is ready. */
import { connect } from 'node:net';
import type { Readiness } from './process-spec.ts';

const probeMs = 2_000;
/** An OPTIONS frame of CQL, version 4; a server that is up answers SUPPORTED. */
const optionsFrame = Buffer.from([4, 0, 0, 0, 5, 0, 0, 0, 0]);
const supportedOpcode = 6;

export async function isReady(readiness: Readiness): Promise<boolean> {
  switch (readiness.kind) {
    case 'http':
      return answersHttp(readiness.port);
    case 'nats':
      return (await firstAnswer(readiness.port))?.toString('latin1').startsWith('INFO ') === true;
    case 'cql':
      return (await firstAnswer(readiness.port, optionsFrame))?.[4] === supportedOpcode;
    case 'exit':
      // A command is ready once it has ended. There is nothing to probe.
      return false;
  }
}

async function answersHttp(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(probeMs) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * Resolves to the first bytes that a server sends, after `question` if that is given. Undefined if it does not answer.
 */
function firstAnswer(port: number, question?: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (answer?: Buffer) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(probeMs, end());
    socket.once('error', end()).once('close', end());
    socket.once('data', (data) => {
      end(data)();
    });
    if (question !== undefined) socket.write(question);
  });
}
