/** Where the profiles of a user are, and which one is asked for. An empty variable counts as not set. */
import { join } from 'node:path';
import { configFolder, type Environment } from '../../config/index.ts';
import type { Labelled } from './reach.ts';

/** `TROUPE_CONFIG` names the configuration of a process of the cluster, so the file of profiles has a variable of its own. */
export function profileFile(environment: Environment): string {
  return environment['TROUPE_PROFILE_FILE'] || join(configFolder(environment), 'config.yaml');
}

export function profileNamed(environment: Environment, flag: string | undefined): Labelled | undefined {
  if (flag !== undefined) return { value: flag, label: '--profile' };
  const value = environment['TROUPE_PROFILE'] || undefined;
  return value === undefined ? undefined : { value, label: 'TROUPE_PROFILE' };
}
