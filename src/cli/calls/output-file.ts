/** Writes outputs of jobs to files: bytes unchanged, JSON as text. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileProblem } from '../errors/file-problem.ts';

const signatures: readonly (readonly [readonly number[], string])[] = [
  [[0x89, 0x50, 0x4e, 0x47], '.png'],
  [[0xff, 0xd8, 0xff], '.jpg'],
  [[0x47, 0x49, 0x46, 0x38], '.gif'],
  [[0x25, 0x50, 0x44, 0x46], '.pdf'],
  [[0x50, 0x4b, 0x03, 0x04], '.zip'],
  [[0x1f, 0x8b], '.gz'],
];

function extensionOf(output: unknown): string {
  if (!(output instanceof Uint8Array)) return '.json';
  return signatures.find(([bytes]) => bytes.every((byte, at) => output[at] === byte))?.[1] ?? '.bin';
}

export function writeOutput(path: string, output: unknown): void {
  writeResult(path, output instanceof Uint8Array ? output : `${JSON.stringify(output, undefined, 2)}\n`);
}

/** Throws UsageError with the path. */
export function writeResult(path: string, content: Uint8Array | string): void {
  try {
    writeFileSync(path, content);
  } catch (error) {
    throw fileProblem(path, 'written', error);
  }
}

/** Names files after their inputs. If two inputs have the same name, the second gets a number. */
export class OutputFolder {
  readonly #folder: string;
  readonly #taken = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
    try {
      mkdirSync(folder, { recursive: true });
    } catch (error) {
      throw fileProblem(folder, 'written', error);
    }
  }

  /** Writes an output and returns the path of the file. */
  save(label: string, output: unknown): string {
    const stem = label.replace(/\.[^.]*$/, '').replaceAll(/[^\w.-]+/g, '_') || 'output';
    const extension = extensionOf(output);
    let name = `${stem}${extension}`;
    for (let number = 2; this.#taken.has(name); number += 1) name = `${stem}-${number}${extension}`;
    this.#taken.add(name);
    const path = join(this.#folder, name);
    writeOutput(path, output);
    return path;
  }
}
