/**
 * File systems of a test's own: a small tmpfs that fills up, and one on an image that turns read-only. Only root may mount
 * them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export interface SmallDisk {
  readonly dir: string;
  /** Fills the disk to the last block, until `free`. */
  fill(): void;
  free(): void;
  unmount(): void;
}

export interface FailingDisk {
  readonly dir: string;
  /** As the kernel does when it finds the file system damaged, whoever has files open. */
  turnReadOnly(): void;
  /** Takes the disk away, repairs it and brings it back. Nobody may have a file open. */
  mountAgain(how: 'ro' | 'rw'): void;
  unmount(): void;
}

function run(command: string, ...args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** Returns the reason if this machine cannot do this. */
export function mountFailingDisk(bytes: number): FailingDisk | { readonly reason: string } {
  const dir = mkdtempSync(join(tmpdir(), 'troupe-disk-'));
  const image = `${dir}.image`;
  const mount = (how: 'ro' | 'rw'): string | undefined =>
    run('mount', '-o', `loop,errors=remount-ro,${how}`, image, dir);
  const unmount = (): void => {
    run('umount', '--lazy', dir);
    rmSync(dir, { recursive: true, force: true });
    rmSync(image, { force: true });
    process.off('exit', unmount);
  };
  const problem = run('truncate', '-s', String(bytes), image) ?? run('mkfs.ext4', '-q', '-F', image) ?? mount('rw');
  const device = spawnSync('findmnt', ['-n', '-o', 'SOURCE', dir], { encoding: 'utf8' }).stdout.trim();
  const failing = `/sys/fs/ext4/${basename(device)}/trigger_fs_error`;
  if (problem !== undefined || !existsSync(failing)) {
    unmount();
    return { reason: `no file system that fails can be mounted: ${problem ?? `${failing} is not there`}` };
  }
  process.on('exit', unmount);
  return {
    dir,
    turnReadOnly: () => writeFileSync(failing, '1'),
    mountAgain(how) {
      const stillMounted = run('umount', dir);
      // Not 0 when it has repaired something.
      spawnSync('e2fsck', ['-fy', image]);
      const failed = stillMounted ?? mount(how);
      if (failed !== undefined) throw new Error(failed);
    },
    unmount,
  };
}

/** Hides what is in `over`, if that is given. Returns the reason if this machine does not allow the mount. */
export function mountSmallDisk(bytes: number, over?: string): SmallDisk | { readonly reason: string } {
  const dir = over ?? mkdtempSync(join(tmpdir(), 'troupe-disk-'));
  const problem = run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', dir);
  if (problem !== undefined) {
    if (over === undefined) rmSync(dir, { recursive: true, force: true });
    return { reason: `no file system of a small size can be mounted: ${problem}` };
  }
  const ballast = join(dir, 'ballast');
  const unmount = (): void => {
    run('umount', '--lazy', dir);
    if (over === undefined) rmSync(dir, { recursive: true, force: true });
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
