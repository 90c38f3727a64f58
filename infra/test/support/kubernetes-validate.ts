/**
 * `kubernetes-validate` of PyPI: the schemas of Kubernetes, with unknown fields refused. Kept in an environment of its own
 * beside the other programs that Troupe fetches (src/config/cache-folder.ts), made by whoever needs it first.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const version = '1.37.0';
export const kubernetesVersion = '1.37';
const installMs = 300_000;

const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'troupe');
const folder = join(cache, `kubernetes-validate-${version}`);
const python = join('bin', 'python');

/** Why it cannot be used here; undefined when it can. */
export async function lackOfValidator(): Promise<string | undefined> {
  if (existsSync(folder)) return undefined;
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(`${folder}-`);
  try {
    await run('python3', ['-m', 'venv', draft]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `kubernetes-validate==${version}`];
    await run(join(draft, python), pip, { timeout: installMs });
    renameSync(draft, folder);
    return undefined;
  } catch (error) {
    // Two that come at once both make one; the later finds that of the earlier.
    return existsSync(folder) ? undefined : `no kubernetes-validate: ${reasonOf(error)}`;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOENT') return 'there is no python3';
  const text = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr.trim() : '';
  return (text || error.message).split('\n').at(-1) ?? '';
}

export interface Validation {
  /** One line for each object that is wrong, with the field. */
  readonly refused: readonly string[];
  readonly passed: number;
  /** Kinds it knows nothing of: custom resources. */
  readonly unknown: readonly string[];
}

export async function validate(file: string): Promise<Validation> {
  const options = ['-m', 'kubernetes_validate', '--strict', '-k', kubernetesVersion, file];
  const { stdout, stderr } = await run(join(folder, python), options, { maxBuffer: 2 ** 26 }).catch(
    (error: unknown) => error as { readonly stdout: string; readonly stderr: string },
  );
  const lines = `${stdout}\n${stderr}`.split('\n');
  return {
    refused: lines.filter((line) => /^(ERROR|Traceback)/.test(line)),
    passed: lines.filter((line) => line.startsWith('INFO') && line.includes(' passed ')).length,
    unknown: lines.flatMap((line) => /^WARN .* for kind (\S+) /.exec(line)?.[1] ?? []),
  };
}
