/**
 * Makes the programs and definitions that `npm run test:kube` needs, each once, in the cache of this user, outside the
 * repository: `node test/kube/binaries.ts [NAME...]`. A part is made in a folder beside its own and renamed into place,
 * so half of one is never taken for it; what is there already is left alone.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Part, parts } from './parts.ts';

/** Beside the other programs that Troupe fetches (src/config/cache-folder.ts). */
const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'troupe', 'kube');

/** Where a part is or will be. Throws for a name that is none. */
export function partFolder(name: string): string {
  const part = parts.find((each) => each.name === name);
  if (part === undefined)
    throw new Error(`no part is called ${name}; there are ${parts.map((each) => each.name).join(', ')}`);
  return folderOf(part, cache);
}

function folderOf({ name, version }: Part, folder: string): string {
  return join(folder, `${name}-${version}`);
}

export interface MissingPart {
  readonly name: string;
  readonly reason: string;
}

/** What is not in the cache, when nothing may be made. */
export function lookForParts(wanted: readonly Part[]): readonly MissingPart[] {
  return wanted
    .filter(({ name }) => !existsSync(partFolder(name)))
    .map(({ name }) => ({ name, reason: 'is not in the cache' }));
}

/** Makes what is missing, in order; a part that cannot be made holds up none of the others. Resolves with those. */
export async function makeParts(
  wanted: readonly Part[],
  say: (line: string) => void,
  folder = cache,
): Promise<readonly MissingPart[]> {
  const missing: MissingPart[] = [];
  for (const part of wanted) {
    const beganAt = performance.now();
    const title = `${part.name} ${part.version}`;
    try {
      if (existsSync(folderOf(part, folder))) {
        say(`${title}: in the cache`);
        continue;
      }
      say(`${title}: being made ...`);
      await makePart(part, folderOf(part, folder));
      say(`${title}: made in ${((performance.now() - beganAt) / 1_000).toFixed(1)} s`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      missing.push({ name: part.name, reason });
      say(`${title}: FAILED: ${reason}`);
    }
  }
  return missing;
}

async function makePart(part: Part, target: string): Promise<void> {
  const workshop = `${target}.making-${process.pid}`;
  await mkdir(workshop, { recursive: true });
  try {
    await part.make(workshop);
    // Two at once: the first has won, and the second's is the same.
    await rename(workshop, target).catch((error: unknown) => {
      if (!existsSync(target)) throw error;
    });
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const names = process.argv.slice(2);
  for (const name of names) partFolder(name);
  const wanted = parts.filter(({ name }) => names.length === 0 || names.includes(name));
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const missing = await makeParts(wanted, (line) => say(`${new Date().toISOString().slice(11, 19)} ${line}`));
  say(`${wanted.length - missing.length} of ${wanted.length} parts are in ${cache}`);
  process.exitCode = missing.length === 0 ? 0 : 1;
}
