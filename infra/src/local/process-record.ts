/**
 * The pid file of a process: which process was started for which generation. The file is renamed into place, so it is
 * complete or absent.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const recordSchema = z.strictObject({
  name: z.string(),
  /** Absent for a command that has ended. */
  pid: z.int().positive().optional(),
  generation: z.string(),
  startedAt: z.string(),
});

export type ProcessRecord = z.infer<typeof recordSchema>;

const fileOf = (dataDir: string, name: string): string => `${dataDir}/run/${name}.json`;

/** Returns undefined if the file is missing or unreadable. */
export function readRecord(dataDir: string, name: string): ProcessRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(fileOf(dataDir, name), 'utf8')));
  } catch {
    return undefined;
  }
}

export function writeRecord(dataDir: string, record: ProcessRecord): void {
  const file = fileOf(dataDir, record.name);
  mkdirSync(`${dataDir}/run`, { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(record)}\n`);
  renameSync(`${file}.new`, file);
}

export function removeRecord(dataDir: string, name: string): void {
  rmSync(fileOf(dataDir, name), { force: true });
}
