// Compares the contract with the last release (the newest tag that has it), else with `main`: what clients of then
// send must still be understood. Without either (a first commit, a shallow clone) there is nothing to compare with.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function git(...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}

const hasContract = (ref) => git('ls-tree', '--name-only', ref, 'proto/troupe/v1/') !== '';
const tags = git('tag', '--list', 'v*', '--sort=-v:refname').split('\n').filter(Boolean);
const against = [...tags, 'main', 'origin/main'].find(hasContract);

if (against === undefined) {
  console.log('no released contract to compare with');
} else {
  const ref = git('rev-parse', against);
  const buf = join(root, 'node_modules', '.bin', 'buf');
  const { status } = spawnSync(buf, ['breaking', '--against', `.git#ref=${ref}`], { cwd: root, stdio: 'inherit' });
  console.log(status === 0 ? `compatible with ${against}` : `breaks clients of ${against}`);
  process.exitCode = status ?? 1;
}
