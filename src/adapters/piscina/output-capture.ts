/**
 * What handlers print (`console.log`, `process.stdout.write`) becomes log lines of the run that printed it. Lines are
 * cut at a bound; how many may pass is the run's own limit.
 */
import type { LogLevel } from './thread-messages.ts';

const partialMaxChars = 8_192;

export class LineBuffer {
  readonly #emit: (line: string) => void;
  #partial = '';

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  push(chunk: unknown): void {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString('utf8');
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#emit(line);
    if (this.#partial.length > partialMaxChars) this.flush();
  }

  flush(): void {
    if (this.#partial !== '') this.#emit(this.#partial);
    this.#partial = '';
  }
}

/** Redirects this thread's stdout and stderr; the returned function flushes what has no newline yet. */
export function captureOutput(emit: (level: LogLevel, line: string) => void): () => void {
  const buffers = [
    { stream: process.stdout, buffer: new LineBuffer((line) => emit('info', line)) },
    { stream: process.stderr, buffer: new LineBuffer((line) => emit('warn', line)) },
  ];
  for (const { stream, buffer } of buffers) {
    const write = (chunk: unknown, encodingOrDone?: unknown, done?: unknown): boolean => {
      buffer.push(chunk);
      const callback = typeof encodingOrDone === 'function' ? encodingOrDone : done;
      if (typeof callback === 'function') queueMicrotask(() => void Reflect.apply(callback, undefined, []));
      return true;
    };
    Object.defineProperty(stream, 'write', { value: write, configurable: true, writable: true });
  }
  return () => {
    for (const { buffer } of buffers) buffer.flush();
  };
}
