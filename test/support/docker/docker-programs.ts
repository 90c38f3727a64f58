/**
 * The programs that a private Docker daemon needs. Those on the PATH are used if all are there, otherwise those of
 * Debian's packages.
 */
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { debianPackages, libraryFolders, missingPrograms } from '../debian-packages.ts';

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

/** Debian selects between two kinds of iptables by links that only an installation creates. */
async function linkIptables(root: string): Promise<void> {
  for (const name of ['iptables', 'ip6tables']) {
    await symlink('xtables-legacy-multi', join(root, 'usr', 'sbin', name));
  }
}

/** Returns the environment for a daemon, or the reason why there is none. */
export async function findDockerPrograms(cacheDir: string): Promise<DockerEnvironment | string> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a daemon of our own needs root on Linux';
  const lack = await missingPrograms(borders);
  if (lack.length > 0) return `a daemon of our own needs ${lack.join(', ')}`;
  const path = process.env['PATH'] ?? '';
  const absent = await missingPrograms(needed);
  if (absent.length === 0) return { PATH: path };
  const unpacked = await debianPackages({ name: 'docker', packages, cacheDir, complete: linkIptables });
  if (typeof unpacked === 'string') return `${absent.join(', ')} are not on the PATH, and ${unpacked}`;
  const { root } = unpacked;
  const libraries = await libraryFolders(root);
  return {
    // The machine's own client comes first, because it is probably newer.
    PATH: `${path}:${join(root, 'usr', 'sbin')}:${join(root, 'usr', 'bin')}`,
    LD_LIBRARY_PATH: libraries.join(':'),
    XTABLES_LIBDIR: libraries.map((lib) => join(lib, 'xtables')).join(':'),
  };
}
