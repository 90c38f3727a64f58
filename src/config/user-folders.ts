/**
 * The folders of a user that all runs and projects share: programs that Troupe downloads, and the settings of the
 * command. They follow XDG_CACHE_HOME and XDG_CONFIG_HOME, of which a relative path is ignored, as their specification
 * demands.
 */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Environment } from './environment.ts';

export function cacheFolder(env: Environment): string {
  return join(absolute(env['XDG_CACHE_HOME'], '.cache'), 'troupe');
}

export function configFolder(env: Environment): string {
  return join(absolute(env['XDG_CONFIG_HOME'], '.config'), 'troupe');
}

function absolute(named: string | undefined, usual: string): string {
  return named !== undefined && isAbsolute(named) ? named : join(homedir(), usual);
}
