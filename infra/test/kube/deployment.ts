/**
 * `cdktf` against the control plane of a test: a folder with one environment, and all that a deploy writes (the generated
 * code, the state), so that nothing comes to lie in the repository. Providers come from the cache, not from a registry.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EnvironmentInput } from '../../src/config/environment.ts';
import { partFolder } from './binaries.ts';

const infra = fileURLToPath(new URL('../..', import.meta.url));
/** Longer than any that goes on; less than the bound on a test. */
const deadlineMs = 240_000;
const defaultApp = join(infra, 'src/main.ts');

interface Outcome {
  readonly succeeded: boolean;
  /** Without colours. */
  readonly text: string;
}

export interface Deployment {
  readonly writeEnvironment: (environment: EnvironmentInput) => void;
  readonly cdktf: (command: 'deploy' | 'diff' | 'destroy', ...stacks: readonly string[]) => Promise<Outcome>;
  /** What the state of a stack holds, such as `kubectl_manifest.service-troupe-gateway`; sorted. */
  readonly stateOf: (stack: string) => readonly string[];
}

/** `app`: another program than infra/src/main.ts that synthesizes the stacks. */
export function makeDeployment(home: string, app = defaultApp): Deployment {
  const folder = join(home, basename(app, '.ts'));
  const environments = join(folder, 'environments');
  const rcFile = join(folder, 'terraformrc');
  mkdirSync(environments, { recursive: true });
  const mirror = JSON.stringify(partFolder('kubectl-provider'));
  writeFileSync(
    rcFile,
    `disable_checkpoint = true\nprovider_installation { filesystem_mirror { path = ${mirror} } }\n`,
  );
  const env = {
    ...process.env,
    TF_CLI_CONFIG_FILE: rcFile,
    TROUPE_ENVIRONMENTS: environments,
    CHECKPOINT_DISABLE: '1',
    CI: '1',
    NO_COLOR: '1',
    FORCE_COLOR: '0',
  };
  return {
    writeEnvironment: (environment) => {
      writeFileSync(join(environments, 'environment.ts'), `export default ${JSON.stringify(environment, null, 2)};\n`);
    },
    cdktf: (command, ...stacks) => {
      const program = `"${process.execPath}" "${app}"`;
      const settings = { language: 'typescript', app: program, projectId: 'troupe-test', sendCrashReports: 'false' };
      writeFileSync(join(folder, 'cdktf.json'), JSON.stringify(settings));
      // Only where it is needed: with this flag cdktf 0.21 never begins to destroy several stacks.
      const alone = command === 'deploy' && stacks.length === 1 ? ['--ignore-missing-stack-dependencies'] : [];
      const unasked = command === 'diff' ? [] : ['--auto-approve', ...alone];
      const args = [command, ...stacks, '--skip-provider-lock', ...unasked];
      return run(process.execPath, [join(infra, 'node_modules/.bin/cdktf'), ...args], folder, env);
    },
    stateOf: (stack) => resourcesIn(join(folder, `terraform.${stack}.tfstate`)),
  };
}

/** A group of its own, so that its terraform and the provider end with it when it takes too long. */
async function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const endGroup = () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  };
  process.on('exit', endGroup);
  const timer = setTimeout(endGroup, deadlineMs);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (text += piece.toString()));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearTimeout(timer);
  process.off('exit', endGroup);
  if (status === null)
    throw new Error(`cdktf ${args.slice(1, 3).join(' ')} took longer than ${deadlineMs} ms:\n${text}`);
  // eslint-disable-next-line no-control-regex -- colours start with the control character ESC
  return { succeeded: status === 0, text: text.replaceAll(/\u001b\[[0-9;]*m/g, '') };
}

interface State {
  readonly resources: readonly { readonly type: string; readonly name: string; readonly mode: string }[];
}

function resourcesIn(file: string): readonly string[] {
  if (!existsSync(file)) return [];
  const { resources } = JSON.parse(readFileSync(file, 'utf8')) as State;
  return resources.map(({ type, name }) => `${type}.${name}`).sort();
}
