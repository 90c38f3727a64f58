/** Finds the configuration file: the one that is named, else the usual ones in the working directory. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from './config-error.ts';

const configFileNames = ['troupe.config.yaml', 'troupe.config.yml', 'troupe.config.json'] as const;

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** Undefined when none is named and none is there. A named one that cannot be read is a ConfigError. */
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
