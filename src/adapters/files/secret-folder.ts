/**
 * A folder with one file for each secret, as Kubernetes, Docker and vault agents write them. A file is read again once what is
 * known of it is some seconds old, so that it may be replaced.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { HandlerSecrets } from '../../application/ports/handler-secrets.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import { maySee, type SecretGrant, secretNamePattern } from '../../domain/secret-grants.ts';

export interface SecretFolderParts {
  readonly path: string;
  readonly grants: readonly SecretGrant[];
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

export const secretMaxBytes = 65_536;
const freshMs = 10_000;
/** Names that are known at a time. A folder has some dozen files. */
const knownMax = 1_000;

export function createSecretFolder({ path, grants, clock }: SecretFolderParts): HandlerSecrets {
  const known = new Map<string, { readonly atMs: number; readonly value: Promise<string | undefined> }>();
  return {
    async find(reader, name) {
      if (!secretNamePattern.test(name) || !maySee(grants, reader, name)) return undefined;
      const nowMs = clock.monotonicMs();
      const present = known.get(name);
      if (present !== undefined && nowMs - present.atMs < freshMs) return present.value;
      if (known.size >= knownMax) known.clear();
      const value = read(join(path, name));
      known.set(name, { atMs: nowMs, value });
      // A failure is not kept.
      value.catch(() => known.delete(name));
      return value;
    },
  };
}

async function read(path: string): Promise<string | undefined> {
  const file = await open(path).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    if (size > secretMaxBytes) throw new Error(`a secret has at most ${secretMaxBytes} bytes, and ${path} has ${size}`);
    return (await file.readFile('utf8')).trimEnd();
  } finally {
    await file.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
