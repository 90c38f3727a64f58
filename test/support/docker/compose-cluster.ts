/**
 * Starts a Compose file: with `docker compose` if the client has it, otherwise service by service with `docker run`,
 * for the part of the format that our file uses.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { eventually } from '../nats.ts';
import type { Docker } from './docker.ts';

export interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly read_only?: boolean;
  readonly init?: boolean;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: {
    readonly test: readonly string[];
    readonly interval: string;
    readonly timeout: string;
    readonly retries: number;
    readonly start_period: string;
  };
}

interface ComposeDocument {
  readonly services: Readonly<Record<string, ComposeService>>;
}

export interface ComposeClusterOptions {
  readonly docker: Docker;
  readonly file: string;
  /** The prefix of all names in the daemon. */
  readonly project: string;
  /** A folder for generated files. */
  readonly folder: string;
  /** Images that replace those in the file, by service. */
  readonly images: Readonly<Record<string, string>>;
}

export interface ComposeCluster {
  readonly by: 'docker compose' | 'docker run';
  /** The name of a service's container in the daemon. */
  containerOf(service: string): string;
  down(): Promise<void>;
}

const upMs = 240_000;

export async function hasCompose(docker: Docker): Promise<boolean> {
  return docker.run(['compose', 'version'], { timeoutMs: 20_000 }).then(
    () => true,
    () => false,
  );
}

/** Resolves when all lasting services are healthy and all one-time services have exited with code 0. */
export async function composeUp(options: ComposeClusterOptions): Promise<ComposeCluster> {
  return (await hasCompose(options.docker)) ? upByCompose(options) : upByRun(options);
}

async function upByCompose({ docker, file, project, folder, images }: ComposeClusterOptions): Promise<ComposeCluster> {
  const override = join(folder, 'images.yaml');
  const services = Object.fromEntries(Object.entries(images).map(([name, image]) => [name, { image }]));
  writeFileSync(override, stringify({ services }));
  const compose = ['compose', '--project-name', project, '--file', file, '--file', override];
  const down = async (): Promise<void> => {
    await docker.run([...compose, 'down', '--volumes', '--timeout', '5']);
  };
  // Any free port will do: the published ports are not under test.
  const env = { GATEWAY_PORT: '0', HTTP_PORT: '0' };
  try {
    await docker.run([...compose, 'up', '--detach', '--wait', '--no-build'], { env, timeoutMs: upMs });
  } catch (error) {
    await down();
    throw error;
  }
  return { by: 'docker compose', containerOf: (service) => `${project}-${service}-1`, down };
}

/** Quotes words for `sh -c`, the form in which `docker run` takes a health check. */
function shellText(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}

function unescaped(text: string): string {
  return text.replaceAll('$$', '$');
}

function runArguments(service: ComposeService, project: string): readonly string[] {
  const { environment = {}, volumes = [], tmpfs = [], healthcheck } = service;
  const [, ...check] = healthcheck?.test ?? [];
  return [
    ...Object.entries(environment).flatMap(([key, value]) => ['--env', `${key}=${unescaped(value)}`]),
    ...volumes.flatMap((text) => ['--volume', `${project}_${text}`]),
    ...tmpfs.flatMap((path) => ['--tmpfs', path]),
    ...(service.cap_drop ?? []).flatMap((name) => ['--cap-drop', name]),
    ...(service.security_opt ?? []).flatMap((text) => ['--security-opt', text]),
    ...(service.read_only === true ? ['--read-only'] : []),
    ...(service.init === true ? ['--init'] : []),
    ...(healthcheck === undefined
      ? []
      : [
          ...['--health-cmd', shellText(check.map(unescaped)), '--health-interval', healthcheck.interval],
          ...['--health-timeout', healthcheck.timeout, '--health-retries', String(healthcheck.retries)],
          ...['--health-start-period', healthcheck.start_period],
        ]),
  ];
}

export interface ContainerState {
  readonly Status: string;
  readonly ExitCode: number;
  readonly Health?: { readonly Status: string };
}

export async function stateOf(docker: Docker, container: string): Promise<ContainerState> {
  return JSON.parse(await docker.run(['inspect', '--format', '{{json .State}}', container])) as ContainerState;
}

/** The output of a container on both streams. */
export async function logOf(docker: Docker, container: string): Promise<string> {
  return docker.run(['logs', container], { withErrors: true });
}

/** Each poll starts a process. */
const pollMs = 500;

async function untilDone(docker: Docker, container: string, isOnce: boolean): Promise<void> {
  let state = await stateOf(docker, container);
  await eventually(
    async () => {
      if (state.Status === 'exited' || (!isOnce && state.Health?.Status === 'healthy')) return true;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      state = await stateOf(docker, container);
      return false;
    },
    upMs,
    () => `${container}: ${JSON.stringify(state)}`,
  );
  if (state.Status === 'exited' && !(isOnce && state.ExitCode === 0)) {
    throw new Error(`${container} ended with ${state.ExitCode}: ${await logOf(docker, container)}`);
  }
}

async function upByRun({ docker, file, project, images }: ComposeClusterOptions): Promise<ComposeCluster> {
  const { services } = parse(readFileSync(file, 'utf8')) as ComposeDocument;
  const containerOf = (service: string): string => `${project}-${service}-1`;
  const started: string[] = [];
  const down = async (): Promise<void> => {
    for (const name of started.splice(0).reverse()) await docker.run(['rm', '--force', '--volumes', name]);
    const volumes = await docker.run(['volume', 'ls', '--quiet', '--filter', `name=${project}_`]);
    if (volumes !== '') await docker.run(['volume', 'rm', ...volumes.split('\n')]);
    await docker.run(['network', 'rm', project]);
  };
  await docker.run(['network', 'create', project]);
  const start = async (name: string, service: ComposeService): Promise<void> => {
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      await untilDone(docker, containerOf(other), condition === 'service_completed_successfully');
    }
    const net = ['--network', project, '--network-alias', name];
    const args = [...net, ...runArguments(service, project), images[name] ?? service.image];
    await docker.run([
      'run',
      '--detach',
      '--name',
      containerOf(name),
      ...args,
      ...(service.command ?? []).map(unescaped),
    ]);
    started.push(containerOf(name));
  };
  try {
    for (const [name, service] of Object.entries(services)) await start(name, service);
    for (const [name, { healthcheck }] of Object.entries(services)) {
      await untilDone(docker, containerOf(name), healthcheck === undefined);
    }
  } catch (error) {
    await down();
    throw error;
  }
  return { by: 'docker run', containerOf, down };
}
