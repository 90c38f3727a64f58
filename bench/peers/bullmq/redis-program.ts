/**
 * Finds redis-server: on the PATH, or from the packages of the Debian that this is, which are unpacked once into the
 * cache. Nothing is installed, and no service is started.
 */
import { join } from 'node:path';
import { cacheFolder } from '../../../src/config/index.ts';
import { debianPackages, isOnPath, libraryFolders } from '../../../test/support/debian-packages.ts';

export interface RedisProgram {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Includes the libraries that a minimal Debian lacks. */
const packages = ['redis-server', 'redis-tools', 'libatomic1', 'libjemalloc2', 'liblzf1'];

/** Returns the reason if there is none. */
export async function findRedis(): Promise<RedisProgram | string> {
  if (await isOnPath('redis-server')) return { path: 'redis-server', env: {} };
  const unpacked = await debianPackages({ name: 'redis', packages, cacheDir: cacheFolder(process.env) });
  if (typeof unpacked === 'string') return `there is no redis-server on the PATH, and ${unpacked}`;
  const libraries = await libraryFolders(unpacked.root);
  return {
    path: join(unpacked.root, 'usr', 'bin', 'redis-server'),
    env: { LD_LIBRARY_PATH: libraries.join(':') },
  };
}
