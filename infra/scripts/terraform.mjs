// The terraform that runs the stacks, for whoever has none: `$TROUPE_TERRAFORM`, else the one on the PATH, else one that is
// built once with Go into the cache folder. `node scripts/terraform.mjs` prints its path, for TERRAFORM_BINARY_NAME of cdktf.
// Plain JavaScript for any Node from 18 on, as cdktf is.
import { spawnSync } from 'child_process';
import { existsSync, mkdirSync } from 'fs';
import { homedir } from 'os';
import { join } from 'path';
import { pathToFileURL } from 'url';

/** The last version that Go builds from its module alone; later ones replace modules that are published nowhere. */
const builtVersion = 'v1.5.7';
/** `terraform_data` came with 1.4. */
export const oldestTerraform = [1, 4];
const buildTimeoutMs = 40 * 60_000;

/** Of src/config/cache-folder.ts, which this script cannot import. */
function cacheFolder(env) {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'troupe');
}

/** Undefined when it does not run, or is too old. */
function versionOf(path) {
  const { status, stdout } = spawnSync(path, ['version'], {
    encoding: 'utf8',
    env: { ...process.env, CHECKPOINT_DISABLE: '1' },
  });
  const [, major, minor] = /^Terraform v(\d+)\.(\d+)/.exec(status === 0 ? stdout : '') ?? [];
  if (major === undefined) return undefined;
  const isNewEnough =
    Number(major) > oldestTerraform[0] || (Number(major) === oldestTerraform[0] && Number(minor) >= oldestTerraform[1]);
  return isNewEnough ? `${major}.${minor}` : undefined;
}

function build(folder, say) {
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) return 'there is no Go to build one with';
  say(`building terraform ${builtVersion} with Go into ${folder}; this takes some minutes, once`);
  mkdirSync(folder, { recursive: true });
  // `go install` renames the finished binary into place, so two builders at once do no harm.
  const { status, stderr } = spawnSync('go', ['install', `github.com/hashicorp/terraform@${builtVersion}`], {
    env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' },
    encoding: 'utf8',
    timeout: buildTimeoutMs,
  });
  return status === 0 ? undefined : `go install failed: ${stderr?.trim().split('\n').slice(-3).join(' ') ?? ''}`;
}

/** Throws one clear line when there is none to be had. */
export function findTerraform({ env = process.env, say = (line) => process.stderr.write(`troupe: ${line}\n`) } = {}) {
  const given = env.TROUPE_TERRAFORM;
  if (given) {
    if (versionOf(given) !== undefined) return given;
    throw new Error(`TROUPE_TERRAFORM=${given} is not a terraform of version ${oldestTerraform.join('.')} or later`);
  }
  const folder = join(cacheFolder(env), `terraform-${builtVersion}`);
  const cached = join(folder, 'terraform');
  const found = ['terraform', cached].find(
    (path) => (path === 'terraform' || existsSync(path)) && versionOf(path) !== undefined,
  );
  if (found !== undefined) return found;
  const problem = build(folder, say) ?? (versionOf(cached) === undefined ? 'what was built does not run' : undefined);
  if (problem === undefined) return cached;
  throw new Error(
    `no terraform ${oldestTerraform.join('.')} or later on the PATH, and ${problem}. Install it ` +
      '(https://developer.hashicorp.com/terraform/install), or name one with TROUPE_TERRAFORM, or install Go',
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.stdout.write(`${findTerraform()}\n`);
  } catch (error) {
    process.stderr.write(`troupe: ${error.message}\n`);
    process.exitCode = 1;
  }
}
