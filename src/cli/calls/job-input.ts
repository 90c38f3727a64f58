/** Inputs of jobs from the command line: JSON text, a file, standard input, or one job per file. */
import { createReadStream, globSync, readFileSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { JsonText } from '../../client/index.ts';
import { UsageError } from '../errors/exit-code.ts';
import { fileProblem } from '../errors/file-problem.ts';
import type { Terminal } from '../text/terminal.ts';
import { given } from '../../domain/given.ts';

type InputForm = 'json' | 'bytes';

/** An input that is read when it is needed, so that a thousand pictures are not in memory at once. */
export interface PlannedInput {
  /** A label for people, and for the names of output files. */
  readonly label: string;
  readonly bytes: number;
  /** JsonText, or bytes; undefined without an input. */
  read(): unknown;
  /** For a large file of bytes: piece by piece, instead of `read`. */
  readonly open?: () => AsyncIterable<Uint8Array>;
}

/** A larger file is streamed. */
const streamFromBytes = 4 * 1_048_576;

/** The text is sent unchanged, so that a number that a double cannot represent arrives as it was given. */
export function jsonInput(text: string, where: string): JsonText {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${where} is not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return new JsonText(text);
}

function toInput(bytes: Buffer, form: InputForm, where: string): unknown {
  return form === 'json' ? jsonInput(textOf(bytes, where), where) : bytes;
}

/** Decodes UTF-8, and drops the byte order mark that some editors write. */
function textOf(bytes: Buffer, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`${where} is not UTF-8 text; send it with --as bytes`);
  }
}

function sizeOf(file: string): number {
  try {
    const found = statSync(file);
    if (found.isFile()) return found.size;
  } catch (error) {
    throw fileProblem(file, 'read', error);
  }
  throw new UsageError(`${file} is not a file`);
}

function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw fileProblem(file, 'read', error);
  }
}

/** `.json` files are JSON and all others are bytes, unless `form` is given. */
function fileInput(file: string, form: InputForm | undefined, label = basename(file)): PlannedInput {
  const chosen = form ?? (extname(file).toLowerCase() === '.json' ? 'json' : 'bytes');
  const bytes = sizeOf(file);
  const isStreamed = chosen === 'bytes' && bytes > streamFromBytes;
  return {
    label,
    bytes,
    read: () => toInput(bytesOf(file), chosen, file),
    ...given({ open: isStreamed ? () => createReadStream(file) as AsyncIterable<Uint8Array> : undefined }),
  };
}

export interface InputFlags {
  readonly each?: string;
  readonly inputFile?: string;
  readonly as?: string;
}

function formOf(text: string | undefined): InputForm | undefined {
  if (text === undefined || text === 'json' || text === 'bytes') return text;
  throw new UsageError(`--as ${text}: must be json or bytes`);
}

/** Plans the inputs. There is at most one source of input; without any, the input is the JSON document `null`. */
export async function planInputs(
  json: string | undefined,
  flags: InputFlags,
  terminal: Terminal,
): Promise<readonly PlannedInput[]> {
  const given = [json, flags.each, flags.inputFile].filter((source) => source !== undefined);
  if (given.length > 1) throw new UsageError('give the input only once: as JSON, with --input-file, or with --each');
  const form = formOf(flags.as);
  if (flags.each !== undefined) {
    const files = globSync(flags.each).sort();
    if (files.length === 0) throw new UsageError(`no file matches --each ${flags.each}`);
    const names = new Set(files.map((file) => basename(file)));
    // If two files have the same name, use their paths, so that a label identifies one file.
    return files.map((file) => fileInput(file, form, names.size === files.length ? basename(file) : file));
  }
  if (flags.inputFile === '-') {
    const bytes = await terminal.readStdin();
    const input = toInput(bytes, form ?? 'json', 'standard input');
    return [{ label: 'stdin', bytes: bytes.byteLength, read: () => input }];
  }
  if (flags.inputFile !== undefined) return [fileInput(flags.inputFile, form)];
  if (json === undefined) return [{ label: 'job', bytes: 0, read: () => undefined }];
  const input = jsonInput(json, 'the input');
  return [{ label: 'job', bytes: Buffer.byteLength(json), read: () => input }];
}
