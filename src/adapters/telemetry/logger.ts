/**
 * The logger, on pino. It writes JSON lines to standard output, asynchronously. `flush`, and the exit of the process,
 * write what is still in memory, so the last lines before an exit are not lost. The pretty form writes each line at
 * once, because a person reads it on a terminal.
 */
import { destination, type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { printable } from '../../domain/printable.ts';

export type LogThreshold = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogThreshold;
  readonly pretty: boolean;
  /** Fields of every line: node, version, … */
  readonly bindings?: Readonly<Record<string, unknown>>;
  /** Receives the lines. Default: standard output. */
  readonly write?: (line: string) => void;
}

export interface FlushableLogger extends Logger {
  /** Writes what is in memory, synchronously. Call it last. */
  flush(): void;
}

/** Names of fields whose values are never logged, at the top level and one level down. */
export const redactedFields = [
  'password',
  'token',
  'authorization',
  'secret',
  'credentials',
  'input',
  'output',
  'payload',
] as const;

/** Lines are buffered up to this size. If the machine fails, at most this much is lost. */
const bufferBytes = 4_096;

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const plain = stdSerializers.err(error);
  return error instanceof TroupeError ? { ...plain, errCode: error.code, metadata: error.metadata } : plain;
}

function prettyDestination(write: (line: string) => void, isTerminal: boolean): DestinationStream {
  const format = prettyFactory({ colorize: isTerminal, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' });
  return { write: (line) => write(format(printableRecord(line))) };
}

/** Errors and fields may contain text from handlers. Its control characters must not reach the terminal. */
function printableRecord(line: string): object {
  return JSON.parse(line, (_name, value: unknown) => (typeof value === 'string' ? printable(value) : value)) as object;
}

class PinoAdapter implements Logger {
  readonly #pino: PinoLogger;

  constructor(instance: PinoLogger) {
    this.#pino = instance;
  }

  debug(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#pino.debug(fields, message);
  }
  info(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#pino.info(fields, message);
  }
  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#pino.warn(fields, message);
  }
  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.#pino.error(fields, message);
  }
  child(bindings: Readonly<Record<string, unknown>>): Logger {
    return new PinoAdapter(this.#pino.child(bindings));
  }
}

class FlushablePino extends PinoAdapter implements FlushableLogger {
  readonly #flush: () => void;

  constructor(instance: PinoLogger, flush: () => void) {
    super(instance);
    this.#flush = flush;
  }

  flush(): void {
    this.#flush();
  }
}

/** Opens the stream for the lines. Also returns a function that flushes it. */
function openDestination(options: LoggerOptions): { stream: DestinationStream; flush: () => void } {
  const { write } = options;
  if (options.pretty) {
    const stream = prettyDestination(write ?? ((line) => process.stdout.write(line)), process.stdout.isTTY);
    return { stream, flush: () => undefined };
  }
  if (write !== undefined) return { stream: { write }, flush: () => undefined };
  const stream = destination({ fd: 1, sync: false, minLength: bufferBytes, periodicFlush: 250 });
  const flush = (): void => {
    try {
      stream.flushSync();
    } catch {
      // The stream is not open yet, or its reader has gone. There is nowhere left to report this.
    }
  };
  process.once('exit', flush);
  return { stream, flush };
}

export function createLogger(options: LoggerOptions): FlushableLogger {
  const { stream, flush } = openDestination(options);
  const instance = pino(
    {
      level: options.level,
      base: options.bindings ?? {},
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
      redact: { paths: redactedFields.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' },
    },
    stream,
  );
  return new FlushablePino(instance, flush);
}
