/**
 * `troupe serve`: a process of the cluster in production. Says what it does in its log; whether it is ready is told by
 * `/readyz` and `grpc.health.v1`. Ends with 0 after a drain, with 70 when whoever started it (systemd, Kubernetes) should
 * start it again.
 */
import { createLogger } from '../adapters/telemetry/logger.ts';
import { startProcess } from '../compose/process.ts';
import type { StartStep } from '../compose/start-steps.ts';
import { type Config, handlerVariables, readEnvironment } from '../config/index.ts';
import { exitCodes } from './exit-code.ts';
import { aborted, liveAndDie } from './node-life.ts';
import { packageVersion } from './package-facts.ts';
import type { Terminal } from './terminal.ts';

export interface ServeOptions {
  readonly config: Config;
  readonly terminal: Terminal;
  /** For tests. */
  readonly onStep?: (step: StartStep) => void;
}

export function runServe({ config, terminal, onStep }: ServeOptions): Promise<number> {
  const { level, pretty } = config.log;
  const log = createLogger({ level, pretty });
  return liveAndDie({ log, terminal }, async (stop) => {
    const troupe = await startProcess(config, packageVersion(), {
      stop,
      handlerVariables: handlerVariables(config, readEnvironment()),
      ...(onStep && { onStep }),
    });
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
      return exitCodes.startAgain;
    } finally {
      await troupe.stop();
    }
  });
}
