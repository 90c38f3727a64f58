/** Where handlers get their secrets, from the configuration. */
import { statSync } from 'node:fs';
import { createSecretFolder } from '../adapters/files/secret-folder.ts';
import type { HandlerSecrets } from '../application/ports/handler-secrets.ts';
import type { Clock } from '../application/ports/runtime.ts';
import { type Config, ConfigError } from '../config/index.ts';

/** Undefined if this node gives none. */
export function handlerSecrets({ secrets }: Config['workers'], clock: Clock): HandlerSecrets | undefined {
  const { path, grants } = secrets;
  if (path === undefined) return undefined;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new ConfigError([{ path: 'workers.secrets.path', source: path, message: 'is no folder' }]);
  return createSecretFolder({ path, grants, clock });
}
