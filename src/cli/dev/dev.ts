/**
 * `troupe dev`: a whole cluster in this process, with its nats-server (and Cassandra) as children. It runs until
 * Ctrl-C, which drains it; a second Ctrl-C ends it at once. With `demo` it runs the samples to their end and stops.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../application/ports/runtime.ts';
import { createLogger } from '../../adapters/telemetry/logger.ts';
import { connect, type TroupeClient } from '../../client/index.ts';
import { type BackingServices, startBackingServices } from '../../compose/backing-services.ts';
import { allowedToAnyone } from '../../compose/gateway-access.ts';
import { startProcess, type TroupeProcess } from '../../compose/process.ts';
import { atMost, unlessStopped } from '../../compose/start-steps.ts';
import { cacheFolder, type Config, handlerVariables, readEnvironment } from '../../config/index.ts';
import { healNats } from './heal-nats.ts';
import { demoReport } from './demo-report.ts';
import type { DevOptions } from './dev-options.ts';
import { HandlerNewsLines } from './handler-news.ts';
import { nextSteps, relativePath } from './next-steps.ts';
import { untilReady } from './until-ready.ts';
import { runSamples } from './run-samples.ts';
import { sampleJobs } from './samples.ts';
import { exitCodes } from '../errors/exit-code.ts';
import { hasTsconfig } from '../processes/handler-tsconfig.ts';
import { aborted, liveAndDie } from '../processes/node-life.ts';
import { packageRoot, packageVersion } from '../processes/package-facts.ts';
import { given } from '../../domain/given.ts';

const examplesDir = join(packageRoot, 'examples');
const sampleDataDir = join(examplesDir, 'data');
const abandonMaxMs = 1_500;

export function runDev(options: DevOptions): Promise<number> {
  const { level, pretty } = options.config.log;
  const log = createLogger({ level, pretty });
  const { terminal } = options;
  // If the reader of the terminal has gone, nobody uses the cluster, so it stops.
  return liveAndDie({ log, terminal }, (stop) =>
    runCluster(options, log, AbortSignal.any([stop, terminal.readerGone])),
  );
}

async function runCluster(options: DevOptions, log: Logger, stop: AbortSignal): Promise<number> {
  const config = withDevDefaults(options.config);
  const say = (line: string): void => {
    options.terminal.err(`${line}\n`);
  };
  const backing = { cacheDir: cacheFolder(readEnvironment()), log, say };
  const variables = handlerVariables(config, readEnvironment());
  const news = new HandlerNewsLines({ say, nowMs: () => performance.now(), setTimer });
  const services = await unlessStopped(stop, startBackingServices(config, backing));
  let isStarted = false;
  try {
    const { onStep } = options;
    const troupe = await startProcess(services.config, packageVersion(), {
      stop,
      handlerVariables: variables,
      onHandlerNews: (one) => {
        news.tell(one);
      },
      ...given({ onStep }),
    });
    isStarted = true;
    return await runNode(options, { troupe, services, stop, say });
  } finally {
    news.close();
    // If the start failed, do not wait long for the services. They end with this process anyway.
    if (isStarted) await services.stop();
    else await atMost(abandonMaxMs, () => services.stop());
  }
}

function setTimer(delayMs: number, fire: () => void): () => void {
  const timer = setTimeout(fire, delayMs);
  return () => {
    clearTimeout(timer);
  };
}

interface Started {
  readonly troupe: TroupeProcess;
  readonly services: BackingServices;
  readonly stop: AbortSignal;
  readonly say: (line: string) => void;
}

async function runNode(options: DevOptions, { troupe, services, stop, say }: Started): Promise<number> {
  let stopHealing = (): void => undefined;
  try {
    const failed = failureOf({ troupe, services });
    const clock = { monotonicMs: () => performance.now(), setTimer };
    if ((await untilReady(troupe, { clock, say, stop, failed })) === 'ready') banner(say, { troupe, services });
    // The banner has already reported readiness.
    let wasReady = true;
    troupe.onReadiness(({ ready, reasons }) => {
      if (ready === wasReady) return;
      wasReady = ready;
      say(ready ? 'troupe is ready again' : `troupe is not ready: ${reasons.join('; ')}`);
    });
    if (services.nats !== undefined)
      stopHealing = healNats({ ...services.nats, troubles: () => troupe.troubles(), say });
    return await stay(options, { troupe, services, config: services.config, stop, failed });
  } finally {
    if (stop.aborted || troupe.drainAsked.aborted)
      say('stopping: running jobs may finish, the others stay in the store ...');
    stopHealing();
    await troupe.stop();
  }
}

interface Running {
  readonly troupe: TroupeProcess;
  readonly services: BackingServices;
  readonly config: Config;
  readonly stop: AbortSignal;
  readonly failed: ReturnType<typeof failureOf>;
}

/** Settles when the process, or a server that it has started, cannot continue. */
async function failureOf({
  troupe,
  services,
}: Pick<Started, 'troupe' | 'services'>): Promise<{ readonly why: string }> {
  const process = troupe.failed.then(() => 'this process cannot continue; see the log above');
  return { why: await Promise.race([process, services.failed]) };
}

/** Runs until it is stopped or something fails. With samples it runs these first; with `demo` it ends after them. */
async function stay(options: DevOptions, running: Running): Promise<number> {
  const { troupe, stop, failed } = running;
  const stopped = aborted(AbortSignal.any([stop, troupe.drainAsked]));
  const refused = samplesRefused(running.config.gateway);
  if (refused !== undefined && (options.demo || options.samples)) {
    options.terminal.err(`\n${refused}\n`);
    if (options.demo) return exitCodes.usage;
  } else if (options.demo || (options.samples && wantsSamples(running))) {
    const ended = await Promise.race([stopped, failed, sampleBatch(options, running)]);
    if (ended === 'stopped') return options.demo ? exitCodes.interrupted : exitCodes.ok;
    if (typeof ended === 'object') return cannotGoOn(options, ended.why);
    if (options.demo) return ended;
  }
  const outcome = await Promise.race([stopped, failed]);
  return outcome === 'stopped' ? exitCodes.ok : cannotGoOn(options, outcome.why);
}

function cannotGoOn({ terminal }: DevOptions, why: string): number {
  terminal.err(`troupe: ${why}\n`);
  return exitCodes.startAgain;
}

/** The samples have no credential. Undefined if they need none. */
function samplesRefused(gateway: Config['gateway']): string | undefined {
  // Samples are work, for which it does not matter who has the operator token.
  if (allowedToAnyone(gateway, true) !== 'nothing') return undefined;
  return 'no sample jobs, because every call needs a credential here (gateway.apiKeys, gateway.issuers, gateway.certificates)';
}

/** The samples need the handlers of `examples`, and a gateway and workers in this process. */
function wantsSamples({ troupe }: Running): boolean {
  return troupe.gatewayPort !== undefined && troupe.handlers.includes('fractal.render');
}

/** Runs the samples once and prints the report. Resolves to the exit code. */
async function sampleBatch(options: DevOptions, { troupe, services, config, stop }: Running): Promise<number> {
  const { terminal } = options;
  const resultsDir = join(config.dataDir, 'results');
  const samples = sampleJobs(sampleDataDir);
  const address = `127.0.0.1:${String(troupe.gatewayPort)}`;
  const client = connect({ address });
  try {
    terminal.err(`\nrunning ${samples.length} sample jobs ...\n`);
    const run = await runSamples(client, samples, { resultsDir, terminal, signal: stop });
    // Measured at the end, when the threads have already compiled the code. So the reported speed-up is too low rather
    // than too high.
    const aloneMs = options.demo ? await oneAfterTheOther(client, samples, { resultsDir, terminal, signal: stop }) : 0;
    const report = demoReport(run, { threads: troupe.threads, aloneMs });
    if (options.demo) terminal.out(`\n${report.text}\nresults in ${relativePath(resultsDir)}\n`);
    else
      terminal.err(
        nextSteps({ jobId: run.results[0]?.job.id ?? '', resultsDir, run, address, natsUrl: services.natsUrl }),
      );
    return report.ok ? exitCodes.ok : exitCodes.jobFailed;
  } catch (error) {
    if (stop.aborted) return exitCodes.interrupted;
    throw error;
  } finally {
    client.close();
  }
}

/** The time that a single thread would need: each job is submitted when the previous one has ended. */
async function oneAfterTheOther(
  client: TroupeClient,
  samples: ReturnType<typeof sampleJobs>,
  options: Parameters<typeof runSamples>[2],
): Promise<number> {
  let sumMs = 0;
  for (const sample of samples) sumMs += (await runSamples(client, [sample], options)).wallMs;
  return sumMs;
}

function banner(
  say: (line: string) => void,
  {
    troupe,
    services: { config, natsUrl, notes },
  }: { readonly troupe: TroupeProcess; readonly services: BackingServices },
): void {
  say(`troupe is ready (${process.uptime().toFixed(1)} s)`);
  if (troupe.gatewayPort !== undefined) say(`  gRPC      ${config.gateway.host}:${troupe.gatewayPort}`);
  if (troupe.scalerPort !== undefined) say(`  scaler    ${config.scaler.host}:${troupe.scalerPort}`);
  if (troupe.webPort !== undefined) say(`  Console   ${consoleAddress(config.gateway, troupe.webPort)}`);
  say(`  HTTP      http://${config.http.host}:${troupe.httpPort}  (/healthz /readyz /metrics)`);
  say(`  NATS      ${natsUrl}`);
  say(`  store     ${config.store.kind}, state in ${relativePath(config.dataDir)}/`);
  if (troupe.handlers.length > 0) say(`  handlers  ${troupe.handlers.join(', ')} on ${troupe.threads} threads`);
  for (const note of notes) say(`  started   ${note}`);
  for (const dir of config.workers.handlerDirs.filter((folder) => !hasTsconfig(folder)))
    say(`  no types  ${dir} has no tsconfig.json: \`npx troupe tsconfig ${dir}\` writes one for your editor`);
}

function consoleAddress({ host, tls }: Config['gateway'], port: number): string {
  return `${tls.certPath === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Without configured handlers, uses those in `examples`, if the installation has them. */
function withDevDefaults(config: Config): Config {
  if (config.workers.handlerDirs.length > 0 || !existsSync(examplesDir)) return config;
  return { ...config, workers: { ...config.workers, handlerDirs: [examplesDir] } };
}
