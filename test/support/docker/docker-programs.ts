/**
 * The programs that a private Docker daemon needs. Those on the PATH are used if all are there. Otherwise Debian's
 * packages are unpacked once into the cache; nothing is installed and no service is started.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const downloadTimeoutMs = 300_000;

/** The environment in which the daemon finds its programs. */
export type DockerEnvironment = Readonly<Record<string, string>>;

const needed = ['docker', 'dockerd', 'docker-init', 'containerd', 'runc', 'iptables', 'slirp4netns'];
/** Part of util-linux, so available on any Linux. */
const borders = ['unshare', 'setpriv', 'mount', 'ip'];

/** Includes the libraries that a minimal Debian lacks. */
const packages = [
  ...['docker.io', 'containerd', 'runc', 'tini', 'iptables', 'slirp4netns'],
  ...['libdevmapper1.02.1', 'libip4tc2', 'libip6tc2', 'libmnl0', 'libnetfilter-conntrack3', 'libnfnetlink0'],
  ...['libnftnl11', 'libseccomp2', 'libslirp0', 'libxtables12'],
];

/** Part of the folder name, so that a changed list of packages uses a new folder. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function onPath(program: string): Promise<boolean> {
  const folders = (process.env['PATH'] ?? '').split(':');
  const found = await Promise.all(folders.map((folder) => exists(join(folder, program))));
  return found.includes(true);
}

async function missing(programs: readonly string[]): Promise<readonly string[]> {
  const there = await Promise.all(programs.map(onPath));
  return programs.filter((_, at) => there[at] === false);
}

/**
 * Unpacks into a temporary folder and renames it when complete, so that a partial download is never mistaken for a good
 * one.
 */
async function unpackDebian(folder: string): Promise<void> {
  const cacheDir = join(folder, '..');
  await mkdir(cacheDir, { recursive: true });
  const draft = await mkdtemp(join(cacheDir, 'docker-draft-'));
  try {
    const options = { cwd: draft, timeout: downloadTimeoutMs };
    const download = (): Promise<unknown> => run('apt-get', ['download', '-q', ...packages], options);
    await download().catch(async () => {
      await run('apt-get', ['update', '-q'], options);
      await download();
    });
    const archives = (await readdir(draft)).filter((name) => name.endsWith('.deb'));
    for (const archive of archives) {
      await run('dpkg', ['-x', archive, 'root'], options);
      await rm(join(draft, archive));
    }
    // Debian selects between two kinds of iptables by links that only an installation creates.
    for (const name of ['iptables', 'ip6tables']) {
      await symlink('xtables-legacy-multi', join(draft, 'root', 'usr', 'sbin', name));
    }
    await rename(draft, folder);
  } catch (error) {
    // If another process finished first, its folder is just as good.
    if (!(await exists(folder))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** The release name, such as `bookworm`. Undefined if the system is not Debian. */
async function debianRelease(): Promise<string | undefined> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^VERSION_CODENAME=(\S+)$/m.exec(text)?.[1];
}

async function libraryFolders(root: string): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const lib of [join(root, 'lib'), join(root, 'usr', 'lib')]) {
    const triplets = (await readdir(lib).catch(() => [])).filter((name) => name.endsWith('-linux-gnu'));
    folders.push(...triplets.map((name) => join(lib, name)));
  }
  return folders;
}

/** Returns the environment for a daemon, or the reason why there is none. */
export async function findDockerPrograms(cacheDir: string): Promise<DockerEnvironment | string> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a daemon of our own needs root on Linux';
  const lack = await missing(borders);
  if (lack.length > 0) return `a daemon of our own needs ${lack.join(', ')}`;
  const path = process.env['PATH'] ?? '';
  const absent = await missing(needed);
  if (absent.length === 0) return { PATH: path };
  const release = await debianRelease();
  if (release === undefined || (await missing(['apt-get', 'dpkg'])).length > 0) {
    return `${absent.join(', ')} are not on the PATH, and there is no apt to fetch them with`;
  }
  const folder = join(cacheDir, `docker-${release}-${digest(packages.join(' '))}`);
  try {
    if (!(await exists(folder))) await unpackDebian(folder);
  } catch (error) {
    return `Docker's packages of Debian cannot be had: ${String(error).split('\n')[0] ?? ''}`;
  }
  const root = join(folder, 'root');
  const libraries = await libraryFolders(root);
  return {
    // The machine's own client comes first, because it is probably newer.
    PATH: `${path}:${join(root, 'usr', 'sbin')}:${join(root, 'usr', 'bin')}`,
    LD_LIBRARY_PATH: libraries.join(':'),
    XTABLES_LIBDIR: libraries.map((lib) => join(lib, 'xtables')).join(':'),
  };
}
