/** The folder for programs that Troupe downloads, shared by all runs and projects. It follows XDG_CACHE_HOME. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from './environment.ts';

export function cacheFolder(env: Environment): string {
  const base = env['XDG_CACHE_HOME'];
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'troupe');
}
