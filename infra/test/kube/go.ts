/** The Go toolchain, as far as these tests need it: modules of the proxy are fetched, and programs built from them. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { versions } from './versions.ts';

const execute = promisify(execFile);
const buildTimeoutMs = 3 * 3_600_000;
const maxOutputBytes = 16 * 1_024 * 1_024;

const environment = { ...process.env, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };

/** Rejects with the end of what the program said. */
export async function run(command: string, args: readonly string[], cwd: string, env = process.env): Promise<string> {
  try {
    const { stdout } = await execute(command, args, { cwd, env, timeout: buildTimeoutMs, maxBuffer: maxOutputBytes });
    return stdout;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ('code' in error && error.code === 'ENOENT') throw new Error(`there is no ${command}`, { cause: error });
    const said = 'stderr' in error ? String(error.stderr).trim().split('\n').slice(-4).join(' | ') : '';
    throw new Error(said === '' ? error.message : said, { cause: error });
  }
}

/** The unpacked folder of a module. */
export async function moduleFolder(module: string, version: string, cwd: string): Promise<string> {
  const text = await run('go', ['mod', 'download', '-json', `${module}@${version}`], cwd, environment);
  const { Dir } = JSON.parse(text) as { readonly Dir?: string };
  if (Dir === undefined) throw new Error(`${module}@${version} has no folder`);
  return Dir;
}

/** For modules without `replace`: the program comes to lie in `into`. Two packages at once, for the sake of whoever works beside it. */
export async function goInstall(program: string, version: string, into: string): Promise<void> {
  await run('go', ['install', '-p', '2', `${program}@${version}`], into, { ...environment, GOBIN: into });
}

/**
 * Kubernetes' own programs. Its module replaces its staging modules by folders of its repository, which `go install`
 * refuses; the same modules are published with v0 for v1, so a module of ours replaces them by those.
 */
export async function goBuildKubernetes(program: string, into: string): Promise<void> {
  const { kubernetes } = versions;
  const source = await moduleFolder('k8s.io/kubernetes', kubernetes, into);
  const theirs = await readFile(join(source, 'go.mod'), 'utf8');
  const staged = [...theirs.matchAll(/^\s*(?:replace )?(k8s\.io\/\S+) => \.\/staging\//gm)].map(
    ([, name]) => name ?? '',
  );
  const stagedVersion = kubernetes.replace(/^v1/, 'v0');
  const language = /^go \S+$/m.exec(theirs)?.[0] ?? 'go 1.26.0';
  const lines = staged.map((name) => `replace ${name} => ${name} ${stagedVersion}`);
  await writeFile(
    join(into, 'go.mod'),
    `module kube\n\n${language}\n\nrequire k8s.io/kubernetes ${kubernetes}\n\n${lines.join('\n')}\n`,
  );
  const [major, minor] = kubernetes.slice(1).split('.');
  const stamp = Object.entries({ gitVersion: kubernetes, gitMajor: major, gitMinor: minor })
    .map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value ?? ''}`)
    .join(' ');
  const flags = ['-p', '2', '-trimpath', '-ldflags', `-s -w ${stamp}`, '-o', join(into, program)];
  await run('go', ['build', ...flags, `k8s.io/kubernetes/cmd/${program}`], into, environment);
}
