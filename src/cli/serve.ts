/**
 * `troupe serve`: a process of the cluster in production. Says what it does in its log alone; whether it is ready is told
 * by `/readyz` and `grpc.health.v1`. Ends with 0 after a drain, with 70 when its supervision tree has given up, so that
 * whoever started it (systemd, Kubernetes) starts it again.
 */
import { createLogger } from '../adapters/telemetry/logger.ts';
import { startProcess } from '../compose/process.ts';
import type { Config } from '../config/index.ts';
import { exitCodes } from './exit-code.ts';
import { aborted, endSoon, packageVersion, stopSignal } from './process-life.ts';

export async function runServe(config: Config): Promise<number> {
  const stop = stopSignal();
  const { level, pretty } = config.log;
  const log = createLogger({ level, pretty });
  const troupe = await startProcess(config, packageVersion());
  const { nodeId, gatewayPort, scalerPort, httpPort, threads, handlers } = troupe;
  const ports = { gatewayPort, scalerPort, httpPort };
  log.info({ event: 'process.started', nodeId, ...ports, threads, handlers }, 'process started');
  try {
    const outcome = await Promise.race([
      aborted(AbortSignal.any([stop, troupe.drainAsked])),
      troupe.failed.then(() => 'failed' as const),
    ]);
    if (outcome === 'stopped') return exitCodes.ok;
    log.error({ event: 'process.failed', nodeId }, 'this process cannot go on');
    return exitCodes.internal;
  } finally {
    await troupe.stop();
    log.flush();
    endSoon();
  }
}
