/**
 * A folder with one file for each secret, as Kubernetes, Docker and vault agents write them. A file is read again once what is
 * known of it is some seconds old, so that it may be replaced.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
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
  // Without waiting for somebody who writes into it: what lies there may be a pipe.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    if (!(await file.stat()).isFile()) throw new Error(`${path} is no file`);
    return (await contentOf(file, path)).trimEnd();
  } finally {
    await file.close();
  }
}

/** What a file has may be more than it says. */
async function contentOf(file: FileHandle, path: string): Promise<string> {
  const buffer = Buffer.alloc(secretMaxBytes + 1);
  let bytes = 0;
  while (bytes < buffer.length) {
    const { bytesRead } = await file.read(buffer, bytes, buffer.length - bytes);
    if (bytesRead === 0) return buffer.toString('utf8', 0, bytes);
    bytes += bytesRead;
  }
  throw new Error(`a secret has at most ${secretMaxBytes} bytes, and ${path} has more`);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
