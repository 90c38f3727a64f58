/**
 * Turns what handlers print (`console.log`, `process.stdout.write`) into log lines of the run that printed it. Lines
 * are cut at a bound. The run's own limit decides how many may pass.
 */
import { StringDecoder } from 'node:string_decoder';
import type { LogLevel } from '../../../domain/job-log.ts';

/** Far more than a log line may have. */
const partialMaxChars = 8_192;

export class LineBuffer {
  readonly #emit: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #partial = '';
  /** The line was too long. What follows of it is dropped: as a line of its own it could begin within a secret. */
  #isCut = false;

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  push(chunk: unknown): void {
    const text = typeof chunk === 'string' ? chunk : this.#decoder.write(Buffer.from(chunk as Uint8Array));
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#end(line);
    if (this.#partial.length <= partialMaxChars) return;
    this.#end(this.#partial);
    this.#partial = '';
    this.#isCut = true;
  }

  flush(): void {
    const rest = this.#partial + this.#decoder.end();
    this.#partial = '';
    if (rest !== '') this.#end(rest);
    this.#isCut = false;
  }

  #end(line: string): void {
    if (!this.#isCut) this.#emit(line);
    this.#isCut = false;
  }
}

/** What one run prints. */
export class RunOutput {
  readonly stdout: LineBuffer;
  readonly stderr: LineBuffer;

  constructor(emit: (level: LogLevel, line: string) => void) {
    this.stdout = new LineBuffer((line) => emit('info', line));
    this.stderr = new LineBuffer((line) => emit('warn', line));
  }

  /** Emits text that has no newline yet. */
  flush(): void {
    this.stdout.flush();
    this.stderr.flush();
  }
}

/** Redirects this thread's stdout and stderr to the run that prints. Output that belongs to no run is dropped. */
export function captureOutput(outputNow: () => RunOutput | undefined): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const write = (chunk: unknown, encodingOrDone?: unknown, done?: unknown): boolean => {
      outputNow()?.[name].push(chunk);
      const callback = typeof encodingOrDone === 'function' ? encodingOrDone : done;
      if (typeof callback === 'function') queueMicrotask(() => void Reflect.apply(callback, undefined, []));
      return true;
    };
    Object.defineProperty(process[name], 'write', { value: write, configurable: true, writable: true });
  }
}
