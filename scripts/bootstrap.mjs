// Runs before `npm start`, `npm test` and the like, on whatever Node the machine has (18 or later, so plain JavaScript):
// 1. node_modules is what package-lock.json says, else `npm ci`; the same in each folder that is named (`bootstrap.mjs infra`);
// 2. node_modules/.bin/node runs and is new enough, else it is repaired, else the machine's own Node must be;
// 3. the web console is what its sources say, else it is built.
// npm puts node_modules/.bin first on the PATH, so the script that follows runs on that Node.
// Silent when there is nothing to do; one clear line when it cannot help.
import { spawnSync } from 'child_process';
import { existsSync, readFileSync, rmSync } from 'fs';
import { delimiter, dirname, join } from 'path';
import { fileURLToPath } from 'url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = join(root, 'node_modules');
const carriedNode = join(modules, '.bin', 'node');
const oldestBootstrapMajor = 18;
const oldestRuntime = [22, 18];

function say(text) {
  process.stderr.write(`troupe: ${text}\n`);
}

function giveUp(text) {
  say(text);
  process.exit(1);
}

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > oldestRuntime[0] || (major === oldestRuntime[0] && minor >= oldestRuntime[1]);
}

/** The version that this binary prints, or undefined when it does not run here. */
function versionOf(binary) {
  const run = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return run.status === 0 ? run.stdout.trim() : undefined;
}

/** The first `node` on the PATH that does not lie in node_modules: that one survives `npm ci`. */
function machineNode() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return folders.map((folder) => join(folder, 'node')).find((file) => existsSync(file));
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch {
    return undefined;
  }
}

/** npm writes node_modules/.package-lock.json at the end of every install: what is really there. */
function isInstalled(folder) {
  const wanted = readLock(join(folder, 'package-lock.json'));
  if (wanted === undefined) giveUp(`${folder}/package-lock.json is missing or damaged; restore it from git`);
  const present = readLock(join(folder, 'node_modules', '.package-lock.json'));
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '' || entry.link) return true;
    const found = present[path];
    if (found === undefined) return Boolean(entry.optional || entry.devOptional || entry.peer);
    return found.version === entry.version;
  });
}

function install(folder) {
  say(`installing packages (npm ci${folder === root ? '' : ` in ${folder}`})`);
  const node = machineNode() ?? process.execPath;
  const npm = process.env.npm_execpath;
  const options = { cwd: folder, stdio: ['ignore', 2, 2] };
  // Whatever NODE_ENV says (the CLI of the CDK sets it to production): the Node itself is a development package.
  const args = ['ci', '--include=dev', '--loglevel=error'];
  const run = npm ? spawnSync(node, [npm, ...args], options) : spawnSync('npm', args, options);
  if (run.status !== 0) giveUp('npm ci failed (see above); it needs npm 10 or later and a reachable registry');
}

/** Some npm versions do not run install scripts; the `node` package fetches its binary in one. */
function repairCarriedNode() {
  const script = join(modules, 'node', 'installArchSpecificPackage.js');
  if (!existsSync(script)) return;
  say('fetching the Node binary of the `node` package');
  spawnSync(machineNode() ?? process.execPath, [script], { cwd: dirname(script), stdio: ['ignore', 2, 2] });
}

function ensureNode() {
  let carried = versionOf(carriedNode);
  if (carried === undefined) {
    repairCarriedNode();
    carried = versionOf(carriedNode);
  }
  if (carried !== undefined && isNewEnough(carried)) return;
  // A binary that does not run here would hide the machine's own Node.
  rmSync(carriedNode, { force: true });
  const own = machineNode();
  const version = own === undefined ? undefined : versionOf(own);
  if (version !== undefined && isNewEnough(version)) return;
  const wanted = oldestRuntime.join('.');
  giveUp(`Node ${version ?? process.version} is too old and none could be fetched; install Node ${wanted} or later`);
}

if (Number(process.versions.node.split('.')[0]) < oldestBootstrapMajor) {
  giveUp(`Node ${process.version} is too old; install Node ${oldestBootstrapMajor} or later (Node 24 is then fetched)`);
}
for (const folder of [root, ...process.argv.slice(2).map((name) => join(root, name))]) {
  if (isInstalled(folder)) continue;
  install(folder);
  if (!isInstalled(folder))
    say(`${folder}/node_modules still differs from its package-lock.json after npm ci; going on`);
}
ensureNode();
try {
  const { buildConsole } = await import('./console.mjs');
  if (await buildConsole()) say('built the console');
} catch (error) {
  // Everything else works without it.
  say(`the console cannot be built: ${error.message}`);
}
