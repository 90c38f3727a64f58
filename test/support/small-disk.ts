/** A file system of a given size, for tests in which the disk fills up. It is a tmpfs, which only root may mount. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly dir: string;
  /** Fills the disk to the last block, until `free`. */
  fill(): void;
  free(): void;
  unmount(): void;
}

function run(command: string, ...args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** Returns the reason if this machine does not allow the mount. */
export function mountSmallDisk(bytes: number): SmallDisk | { readonly reason: string } {
  const dir = mkdtempSync(join(tmpdir(), 'troupe-disk-'));
  const problem = run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', dir);
  if (problem !== undefined) {
    rmSync(dir, { recursive: true, force: true });
    return { reason: `no file system of a small size can be mounted: ${problem}` };
  }
  const ballast = join(dir, 'ballast');
  const unmount = (): void => {
    run('umount', '--lazy', dir);
    rmSync(dir, { recursive: true, force: true });
    process.off('exit', unmount);
  };
  // Leave no mount behind if the run is cut short.
  process.on('exit', unmount);
  return {
    dir,
    fill() {
      const { bavail, bsize } = statfsSync(dir);
      // The rest after the last full block is too small for a database page.
      run('fallocate', '-l', String(bavail * bsize), ballast);
    },
    free: () => rmSync(ballast, { force: true }),
    unmount,
  };
}
