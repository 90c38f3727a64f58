/**
 * Finds out what the handler files define by importing them in boot threads. A file that throws, exits or never
 * finishes its import harms only itself. If it ended or blocked its boot thread, a new boot thread imports the rest.
 */
import { Worker } from 'node:worker_threads';
import type { BootReport, BootSetup } from '../thread/boot-thread.ts';
import type { HandlerProblem, LoadedHandler } from '../protocol/cell-frames.ts';
import { compileCacheEnv } from '../protocol/compile-cache.ts';
import { entryPath } from '../protocol/entry-path.ts';
import { manifestOrProblem } from '../protocol/manifest-shape.ts';
import type { Sources } from '../protocol/thread-messages.ts';

const importMaxMs = 10_000;

export interface BootOptions {
  readonly files: readonly string[];
  readonly sources: Sources;
  /** What the files see in `process.env`. */
  readonly env: ReadonlyMap<string, string>;
  readonly memoryMb: number;
  /** Resolves when the event has left this process. The import waits for that. */
  readonly onImporting: (url: string) => Promise<void>;
}
export interface BootResult {
  readonly handlers: readonly LoadedHandler[];
  readonly problems: readonly HandlerProblem[];
}

export async function bootHandlers(options: BootOptions): Promise<BootResult> {
  const handlers: LoadedHandler[] = [];
  const problems: HandlerProblem[] = [];
  let remaining = options.files;
  while (remaining.length > 0) {
    const broken = await importInThread({ ...options, files: remaining }, (report) => {
      if (report.kind === 'broken') problems.push(report);
      if (report.kind === 'imported') addUnique(handlers, problems, report);
    });
    if (broken === undefined) break;
    problems.push(broken);
    remaining = remaining.slice(remaining.indexOf(broken.url) + 1);
  }
  return { handlers, problems };
}

/** We check the manifest here, because none of the file's code runs here. */
function addUnique(handlers: LoadedHandler[], problems: HandlerProblem[], found: LoadedHandler): void {
  const { url } = found;
  const manifest = manifestOrProblem(found.manifest);
  if (typeof manifest === 'string') {
    problems.push({ url, reason: manifest });
    return;
  }
  const twin = handlers.find((other) => other.manifest.name === manifest.name);
  if (twin === undefined) handlers.push({ url, manifest });
  else problems.push({ url, reason: `the handler "${manifest.name}" is already defined by ${twin.url}` });
}

/** Resolves with the file that ended the thread, or with undefined if none did. */
async function importInThread(
  options: BootOptions,
  onReport: (report: BootReport) => void,
): Promise<HandlerProblem | undefined> {
  const told = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const goOn = (): void => {
    Atomics.add(new Int32Array(told), 0, 1);
    Atomics.notify(new Int32Array(told), 0);
  };
  const setup: BootSetup = { files: options.files, sources: options.sources, told };
  const thread = new Worker(entryPath('thread/boot-thread'), {
    workerData: setup,
    env: { ...compileCacheEnv(), ...Object.fromEntries(options.env) },
    resourceLimits: { maxOldGenerationSizeMb: options.memoryMb },
    trackUnmanagedFds: true,
  });
  return new Promise((resolve) => {
    let importing = options.files[0] ?? '';
    let finished = false;
    let reason = 'its import ended the thread';
    const giveUp = (): void => {
      reason = `its import did not end within ${importMaxMs} ms`;
      void thread.terminate();
    };
    let timer = setTimeout(giveUp, importMaxMs);
    thread.on('message', (report: BootReport) => {
      onReport(report);
      finished ||= report.kind === 'finished';
      if (report.kind === 'importing') {
        importing = report.url;
        options.onImporting(report.url).then(goOn, goOn);
      }
      clearTimeout(timer);
      if (finished) void thread.terminate();
      else timer = setTimeout(giveUp, importMaxMs);
    });
    thread.on('error', (error: Error) => {
      reason = `its import ended the thread: ${error.message}`;
    });
    thread.on('exit', () => {
      clearTimeout(timer);
      resolve(finished ? undefined : { url: importing, reason });
    });
  });
}
