/**
 * `troupe serve`: a process of a production cluster. It reports through its log; `/readyz` and `grpc.health.v1` show
 * whether it is ready. It exits with 0 after a drain, and with 70 if its supervisor (systemd, Kubernetes) should
 * restart it.
 */
import { createLogger } from '../../adapters/telemetry/logger.ts';
import { startProcess } from '../../compose/process.ts';
import type { StartStep } from '../../compose/start-steps.ts';
import { type Config, handlerVariables, readEnvironment } from '../../config/index.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { aborted, liveAndDie } from './node-life.ts';
import { packageVersion } from './package-facts.ts';
import type { Terminal } from '../text/terminal.ts';
import { given } from '../../domain/given.ts';

export interface ServeOptions {
  readonly config: Config;
  readonly terminal: Terminal;
  /** Called after each step of the start. For tests. */
  readonly onStep?: (step: StartStep) => void;
}

export function runServe({ config, terminal, onStep }: ServeOptions): Promise<number> {
  const { level, pretty } = config.log;
  const log = createLogger({ level, pretty });
  return liveAndDie({ log, terminal }, async (stop) => {
    const troupe = await startProcess(config, packageVersion(), {
      stop,
      handlerVariables: handlerVariables(config, readEnvironment()),
      ...given({ onStep }),
    });
    const { nodeId, gatewayPort, webPort, scalerPort, httpPort, threads, handlers } = troupe;
    const ports = { gatewayPort, webPort, scalerPort, httpPort };
    log.info({ event: 'process.started', nodeId, ...ports, threads, handlers }, 'process started');
    try {
      const outcome = await Promise.race([
        aborted(AbortSignal.any([stop, troupe.drainAsked])),
        troupe.failed.then(() => 'failed' as const),
      ]);
      if (outcome === 'stopped') return exitCodes.ok;
      log.error({ event: 'process.failed', nodeId }, 'the process cannot continue');
      return exitCodes.startAgain;
    } finally {
      await troupe.stop();
    }
  });
}
