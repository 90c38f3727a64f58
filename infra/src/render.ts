/**
 * `npm run infra:render -- ENVIRONMENT [--out DIR]`: prints the objects of a Kubernetes environment, or writes them to
 * a folder. The folder must be empty or from an earlier run, whose files are replaced.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EnvironmentError, type KubernetesEnvironment } from './config/environment.ts';
import { loadEnvironments } from './config/load.ts';
import { firstLine, kustomizationFile, renderedFiles, renderedStream } from './rendered-files.ts';

const usage = 'usage: npm run infra:render -- ENVIRONMENT [--out DIR]';
const folder = process.env['TROUPE_ENVIRONMENTS'] ?? fileURLToPath(new URL('../environments', import.meta.url));

/** An error that the caller can fix. Any other error is a bug and is shown with its stack. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

function readArguments(): { readonly name: string; readonly out: string | undefined } {
  try {
    const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true });
    const [name, ...more] = positionals;
    if (name === undefined || more.length > 0) throw new UsageError(usage);
    return { name, out: values.out };
  } catch (error) {
    throw error instanceof UsageError
      ? error
      : new UsageError(`${error instanceof Error ? error.message : ''}\n${usage}`);
  }
}

async function environmentCalled(name: string): Promise<KubernetesEnvironment> {
  const environments = await loadEnvironments(folder);
  const ofKubernetes = environments.filter((environment) => environment.kind === 'kubernetes');
  const found = ofKubernetes.find((environment) => environment.name === name);
  if (found !== undefined) return found;
  const names = ofKubernetes.map((environment) => environment.name).join(', ');
  const what = environments.some((environment) => environment.name === name)
    ? `${name} is not on Kubernetes`
    : `there is no environment ${name}`;
  throw new UsageError(`${what}; those that are: ${names}`);
}

/**
 * Removes the files of an earlier run, so that deleted objects leave no files behind. Refuses a folder with any other
 * content.
 */
function clear(out: string): void {
  if (!existsSync(out) || readdirSync(out).length === 0) return;
  const mark = join(out, kustomizationFile);
  if (!existsSync(mark) || !readFileSync(mark, 'utf8').startsWith(firstLine)) {
    throw new UsageError(`${out} has files that are not of infra:render; name an empty folder`);
  }
  rmSync(out, { recursive: true });
}

function write(out: string, files: ReadonlyMap<string, string>): void {
  clear(out);
  for (const [path, text] of files) {
    const file = join(out, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

try {
  const { name, out } = readArguments();
  const environment = await environmentCalled(name);
  if (out === undefined) {
    process.stdout.write(renderedStream(environment));
  } else {
    // npm runs scripts in the folder of the package. INIT_CWD is the folder in which npm was called.
    const target = resolve(process.env['INIT_CWD'] ?? '.', out);
    const files = renderedFiles(environment);
    write(target, files);
    console.error(`${files.size} files in ${target}`);
  }
} catch (error) {
  if (!(error instanceof UsageError) && !(error instanceof EnvironmentError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
