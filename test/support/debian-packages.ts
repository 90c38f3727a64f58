/** Programs from Debian's packages, unpacked once into the cache. Nothing is installed, and no service is started. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const downloadTimeoutMs = 300_000;

export interface PackagesWanted {
  /** Part of the name of the folder. */
  readonly name: string;
  readonly packages: readonly string[];
  readonly cacheDir: string;
  /** What an installation would do besides. */
  readonly complete?: (root: string) => Promise<void>;
}

export interface UnpackedPackages {
  /** Has `usr`, `lib` and so on. */
  readonly root: string;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export async function isOnPath(program: string): Promise<boolean> {
  const folders = (process.env['PATH'] ?? '').split(':');
  const found = await Promise.all(folders.map((folder) => exists(join(folder, program))));
  return found.includes(true);
}

export async function missingPrograms(programs: readonly string[]): Promise<readonly string[]> {
  const there = await Promise.all(programs.map(isOnPath));
  return programs.filter((_, at) => there[at] === false);
}

/** Returns the reason if they cannot be had. */
export async function debianPackages(wanted: PackagesWanted): Promise<UnpackedPackages | string> {
  const release = await debianRelease();
  if (release === undefined || (await missingPrograms(['apt-get', 'dpkg'])).length > 0) {
    return 'there is no apt to fetch it with';
  }
  const folder = join(wanted.cacheDir, `${wanted.name}-${release}-${digest(wanted.packages.join(' '))}`);
  try {
    if (!(await exists(folder))) await unpack(folder, wanted);
  } catch (error) {
    return `Debian's packages of it cannot be had: ${String(error).split('\n')[0] ?? ''}`;
  }
  return { root: join(folder, 'root') };
}

/** The release name, such as `bookworm`. Undefined if the system is not Debian. */
async function debianRelease(): Promise<string | undefined> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^VERSION_CODENAME=(\S+)$/m.exec(text)?.[1];
}

/** Part of the folder name, so that a changed list of packages uses a new folder. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/**
 * Unpacks into a temporary folder and renames it when complete, so that a partial download is never mistaken for a good
 * one.
 */
async function unpack(folder: string, { name, packages, cacheDir, complete }: PackagesWanted): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const draft = await mkdtemp(join(cacheDir, `${name}-draft-`));
  try {
    const options = { cwd: draft, timeout: downloadTimeoutMs };
    const download = (): Promise<unknown> => run('apt-get', ['download', '-q', ...packages], options);
    await download().catch(async () => {
      await run('apt-get', ['update', '-q'], options);
      await download();
    });
    const archives = (await readdir(draft)).filter((file) => file.endsWith('.deb'));
    for (const archive of archives) {
      await run('dpkg', ['-x', archive, 'root'], options);
      await rm(join(draft, archive));
    }
    await complete?.(join(draft, 'root'));
    await rename(draft, folder);
  } catch (error) {
    // If another process finished first, its folder is just as good.
    if (!(await exists(folder))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** For `LD_LIBRARY_PATH`. */
export async function libraryFolders(root: string): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const lib of [join(root, 'lib'), join(root, 'usr', 'lib')]) {
    const triplets = (await readdir(lib).catch(() => [])).filter((name) => name.endsWith('-linux-gnu'));
    folders.push(...triplets.map((name) => join(lib, name)));
  }
  return folders;
}
