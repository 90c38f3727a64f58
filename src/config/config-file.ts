/** Finds the configuration file: the named one, otherwise one of the usual names in the working directory. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from './config-error.ts';

const configFileNames = ['troupe.config.yaml', 'troupe.config.yml', 'troupe.config.json'] as const;

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** Undefined if none is named and none exists. A named file that cannot be read is a ConfigError. */
export function findConfigFile(workingDir: string, named?: string): ConfigFile | undefined {
  const path = named ?? configFileNames.map((name) => join(workingDir, name)).find((file) => existsSync(file));
  if (path === undefined) return undefined;
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([{ path: '', source: `file ${path}`, message: `cannot be read: ${reason}` }]);
  }
}
