/** A file system of a stated size, for runs whose disk fills up: a tmpfs, which only root may mount. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly dir: string;
  /** Not one byte is left until `free`. */
  fill(): void;
  free(): void;
  unmount(): void;
}

function run(command: string, ...args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** The reason when this machine does not allow it. */
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
  // A run that is cut short leaves no mount behind.
  process.on('exit', unmount);
  return {
    dir,
    fill() {
      const { bavail, bsize } = statfsSync(dir);
      // What is left after the last whole block is too little to write a page of a database.
      run('fallocate', '-l', String(bavail * bsize), ballast);
    },
    free: () => rmSync(ballast, { force: true }),
    unmount,
  };
}
