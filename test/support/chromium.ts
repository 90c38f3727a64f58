/** A Chromium for tests of pages: that of the machine, or Debian's, unpacked into the cache with what it needs. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianPackages, isOnPath, libraryFolders } from './debian-packages.ts';

const run = promisify(execFile);

export interface BrowserProgram {
  readonly executablePath: string;
  readonly env: Readonly<Record<string, string>>;
}

const ownPrograms = ['chromium-headless-shell', 'chromium', 'google-chrome', 'chromium-browser'];
/** The shell without windows needs neither GTK nor a display. With fonts of our own, pages look alike on all machines. */
const wanted = ['chromium-headless-shell', 'fonts-inter', 'fonts-dejavu-core'];

/** Returns the reason if there is none. */
export async function findChromium(cacheDir: string): Promise<BrowserProgram | string> {
  for (const program of ownPrograms) {
    if (await isOnPath(program)) return { executablePath: program, env: {} };
  }
  const packages = await missingPackages();
  if (typeof packages === 'string') return packages;
  const unpacked = await debianPackages({ name: 'chromium', packages, cacheDir, complete: writeFontSettings });
  if (typeof unpacked === 'string') return unpacked;
  const { root } = unpacked;
  const home = join(root, 'usr', 'lib', 'chromium');
  const folders = [home, ...(await withSubfolders(await libraryFolders(root)))];
  return {
    executablePath: join(home, 'chromium-headless-shell'),
    env: { LD_LIBRARY_PATH: folders.join(':'), FONTCONFIG_FILE: fontSettings(root) },
  };
}

/** Libraries that only one other uses lie below, and are found by their absolute path once they are installed. */
async function withSubfolders(folders: readonly string[]): Promise<readonly string[]> {
  const below = folders.map(async (folder) => {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
  });
  return [...folders, ...(await Promise.all(below)).flat()];
}

/** What an installation would bring that is not there: a bare container lacks most of it. */
async function missingPackages(): Promise<readonly string[] | string> {
  const asked = ['install', '--simulate', '--no-install-recommends', ...wanted];
  const ask = async (): Promise<string> =>
    (await run('apt-get', asked, { env: { ...process.env, LC_ALL: 'C' } })).stdout;
  try {
    const text = await ask().catch(async () => {
      await run('apt-get', ['update', '-q'], { timeout: 120_000 });
      return ask();
    });
    const names = [...text.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
    return [...new Set([...names, ...wanted])].sort();
  } catch (error) {
    return `there is no Chromium, and apt has none: ${String(error).split('\n')[0] ?? ''}`;
  }
}

const fontSettings = (root: string): string => join(root, '..', 'fonts.conf');

/** Without it the browser finds fonts only where they are installed. */
async function writeFontSettings(root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  const prefer = (family: string, font: string): string =>
    `  <alias binding="strong"><family>${family}</family><prefer><family>${font}</family></prefer></alias>`;
  const lines = [
    '<?xml version="1.0"?>',
    '<!DOCTYPE fontconfig SYSTEM "fonts.dtd">',
    '<fontconfig>',
    '  <dir>/usr/share/fonts</dir>',
    '  <dir prefix="relative">root/usr/share/fonts</dir>',
    '  <cachedir prefix="xdg">fontconfig</cachedir>',
    ...['system-ui', 'sans-serif'].map((family) => prefer(family, 'Inter')),
    ...['ui-monospace', 'monospace'].map((family) => prefer(family, 'DejaVu Sans Mono')),
    '</fontconfig>',
    '',
  ];
  await writeFile(fontSettings(root), lines.join('\n'));
}
