/**
 * The folder for programs that Troupe downloads, shared by all runs and projects. It follows XDG_CACHE_HOME, of which a
 * relative path is ignored, as its specification demands.
 */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Environment } from './environment.ts';

export function cacheFolder(env: Environment): string {
  const caches = env['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(caches) ? caches : join(homedir(), '.cache'), 'troupe');
}
