/**
 * `troupe dev`: a whole cluster in this process, with its nats-server (and Cassandra) as children. Stays until Ctrl-C,
 * which drains; a second Ctrl-C ends at once. With `demo` it runs the samples to their end and stops.
 */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createLogger } from '../adapters/telemetry/logger.ts';
import { connect } from '../client/index.ts';
import type { TroupeClient } from '../client/index.ts';
import { startBackingServices } from '../compose/backing-services.ts';
import { startProcess } from '../compose/process.ts';
import type { TroupeProcess } from '../compose/process.ts';
import { cacheFolder, readEnvironment } from '../config/index.ts';
import type { Config } from '../config/index.ts';
import { demoReport } from './dev/demo-report.ts';
import type { DevOptions } from './dev/dev-options.ts';
import { runSamples } from './dev/run-samples.ts';
import { sampleJobs } from './dev/samples.ts';
import { exitCodes } from './exit-code.ts';
import { hasTsconfig } from './handler-tsconfig.ts';
import { aborted, packageRoot, packageVersion, stopSignal } from './process-life.ts';

const examplesDir = join(packageRoot, 'examples');
const sampleDataDir = join(examplesDir, 'data');
const readyTimeoutMs = 30_000;
const readyPollMs = 20;

export async function runDev(options: DevOptions): Promise<number> {
  const beganMs = performance.now();
  const { terminal } = options;
  const stop = stopSignal();
  const config = withDevDefaults(options.config);
  const say = (line: string): void => {
    terminal.err(`${line}\n`);
  };
  const log = createLogger({ level: config.log.level, pretty: config.log.pretty });
  const services = await startBackingServices(config, { cacheDir: cacheFolder(readEnvironment()), log, say });
  try {
    const troupe = await startProcess(services.config, packageVersion());
    try {
      await untilReady(troupe, stop);
      banner(say, {
        troupe,
        config,
        notes: services.notes,
        natsUrl: services.natsUrl,
        tookMs: performance.now() - beganMs,
      });
      return await stay(options, { troupe, config: services.config, stop });
    } finally {
      if (stop.aborted || troupe.drainAsked.aborted)
        say('stopping: running jobs may end, the rest stays in the store ...');
      await troupe.stop();
    }
  } finally {
    await services.stop();
    log.flush();
  }
}

interface Running {
  readonly troupe: TroupeProcess;
  readonly config: Config;
  readonly stop: AbortSignal;
}

async function stay(options: DevOptions, running: Running): Promise<number> {
  const { troupe, stop } = running;
  const stopped = aborted(AbortSignal.any([stop, troupe.drainAsked]));
  if (options.demo || (options.samples && wantsSamples(running))) {
    const ended = await Promise.race([stopped, sampleBatch(options, running)]);
    if (ended === 'stopped') return options.demo ? exitCodes.interrupted : exitCodes.ok;
    if (options.demo) return ended;
  }
  const outcome = await Promise.race([stopped, troupe.failed.then(() => 'failed' as const)]);
  if (outcome === 'stopped') return exitCodes.ok;
  options.terminal.err('troupe: this process cannot go on; see the log above\n');
  return exitCodes.internal;
}

/** The samples need the handlers of `examples`, and a gateway and workers in this process. */
function wantsSamples({ troupe }: Running): boolean {
  return troupe.gatewayPort !== undefined && troupe.handlers.includes('fractal.render');
}

async function sampleBatch(options: DevOptions, { troupe, config, stop }: Running): Promise<number> {
  const { terminal } = options;
  const resultsDir = join(config.dataDir, 'results');
  const samples = sampleJobs(sampleDataDir);
  const client = connect({ address: `127.0.0.1:${String(troupe.gatewayPort)}` });
  try {
    terminal.err(`\nrunning ${String(samples.length)} sample jobs ...\n`);
    const run = await runSamples(client, samples, { resultsDir, terminal, signal: stop });
    // Afterwards, with threads that have compiled the code by then: so the speed-up is rather told too low.
    const aloneMs = options.demo ? await oneAfterTheOther(client, samples, { resultsDir, terminal, signal: stop }) : 0;
    const report = demoReport(run, { threads: troupe.threads, aloneMs });
    if (options.demo) terminal.out(`\n${report.text}\nresults in ${relativePath(resultsDir)}\n`);
    else terminal.err(nextSteps(run.results[0]?.job.id ?? '', resultsDir, run.wallMs, samples.length));
    return report.ok ? exitCodes.ok : exitCodes.jobFailed;
  } catch (error) {
    if (stop.aborted) return exitCodes.interrupted;
    throw error;
  } finally {
    client.close();
  }
}

/** What one thread alone would need: the same jobs, each submitted when the one before has ended. */
async function oneAfterTheOther(
  client: TroupeClient,
  samples: ReturnType<typeof sampleJobs>,
  options: Parameters<typeof runSamples>[2],
): Promise<number> {
  let sumMs = 0;
  for (const sample of samples) sumMs += (await runSamples(client, [sample], options)).wallMs;
  return sumMs;
}

function nextSteps(jobId: string, resultsDir: string, wallMs: number, jobs: number): string {
  return [
    `${String(jobs)} sample jobs done in ${(wallMs / 1_000).toFixed(1)} s; their results lie in ${relativePath(resultsDir)}/`,
    '',
    'Try next, in another terminal:',
    `  npx troupe get ${jobId}`,
    `  npx troupe submit image.thumbnail --each 'path/to/your/*.jpg' --wait`,
    `  nats sub 'troupe.events.>'        (every change of every job, as CloudEvents)`,
    '',
    'Ctrl-C stops the cluster; its state stays.',
    '',
  ].join('\n');
}

interface BannerFacts {
  readonly troupe: TroupeProcess;
  readonly config: Config;
  readonly notes: readonly string[];
  readonly natsUrl: string;
  readonly tookMs: number;
}

function banner(say: (line: string) => void, { troupe, config, notes, natsUrl, tookMs }: BannerFacts): void {
  say(`troupe is ready (${(tookMs / 1_000).toFixed(1)} s)`);
  if (troupe.gatewayPort !== undefined) say(`  gRPC      ${config.gateway.host}:${String(troupe.gatewayPort)}`);
  if (troupe.scalerPort !== undefined) say(`  scaler    ${config.scaler.host}:${String(troupe.scalerPort)}`);
  say(`  HTTP      http://${config.http.host}:${String(troupe.httpPort)}  (/healthz /readyz /metrics)`);
  say(`  NATS      ${natsUrl}`);
  say(`  store     ${config.store.kind}, state in ${relativePath(config.dataDir)}/`);
  if (troupe.handlers.length > 0) say(`  handlers  ${troupe.handlers.join(', ')} on ${String(troupe.threads)} threads`);
  for (const note of notes) say(`  started   ${note}`);
  for (const dir of config.workers.handlerDirs.filter((folder) => !hasTsconfig(folder)))
    say(`  no types  ${dir} has no tsconfig.json: \`npx troupe tsconfig ${dir}\` writes one for your editor`);
}

function withDevDefaults(config: Config): Config {
  if (config.workers.handlerDirs.length > 0 || !existsSync(examplesDir)) return config;
  return { ...config, workers: { ...config.workers, handlerDirs: [examplesDir] } };
}

async function untilReady(troupe: TroupeProcess, stop: AbortSignal): Promise<void> {
  const untilMs = performance.now() + readyTimeoutMs;
  for (;;) {
    const { ready, reasons } = await troupe.readiness();
    if (ready || stop.aborted) return;
    if (performance.now() > untilMs)
      throw new Error(`not ready after ${String(readyTimeoutMs)} ms: ${reasons.join('; ')}`);
    await new Promise((resolve) => setTimeout(resolve, readyPollMs));
  }
}

function relativePath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === '' || short.startsWith('..') ? path : short;
}
