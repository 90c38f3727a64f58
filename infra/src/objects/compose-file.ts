/** Writes the containers as a file for Docker Compose, for users without terraform. */
import { stringify } from 'yaml';
import { type Container, type HealthCheck, type PublishedPort, temporarySize } from './container.ts';

/** Escapes `$`, which Compose would take for the start of a variable. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}

function variable(name: string, value: string): string {
  return `\${${name}:-${value}}`;
}

function health({ command, intervalSeconds, timeoutSeconds, retries, startSeconds }: HealthCheck) {
  return {
    test: ['CMD', ...command.map(literal)],
    interval: `${intervalSeconds}s`,
    timeout: `${timeoutSeconds}s`,
    retries,
    start_period: `${startSeconds}s`,
  };
}

function published({ container, host, variable: name }: PublishedPort): string {
  return `127.0.0.1:${variable(name, String(host))}:${container}`;
}

const conditions = { healthy: 'service_healthy', completed: 'service_completed_successfully' } as const;

const confinement = {
  // The init process reaps child processes that handlers leave behind.
  init: true,
  read_only: true,
  tmpfs: [`/tmp:size=${temporarySize}`],
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
} as const;

function service(container: Container) {
  const { image, built, command, environment, ports, volumes, folders, after, stopSeconds } = container;
  const mounts = [
    ...Object.entries(volumes ?? {}).map(([path, name]) => `${name}:${path}`),
    ...Object.entries(folders ?? {}).map(([path, folder]) => `${folder}:${path}:ro`),
  ];
  const waits = Object.entries(after).map(([name, until]) => [name, { condition: conditions[until] }] as const);
  return {
    image: built === undefined ? image : variable(built.variable, image),
    ...(built && { build: { context: '.', target: built.target } }),
    ...(command && { command: command.map(literal) }),
    restart: container.health === undefined ? 'no' : 'unless-stopped',
    stop_grace_period: `${stopSeconds}s`,
    ...(container.confined && confinement),
    ...(environment && {
      environment: Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, literal(value)])),
    }),
    ...(ports && { ports: ports.map(published) }),
    ...(mounts.length > 0 && { volumes: mounts }),
    ...(waits.length > 0 && { depends_on: Object.fromEntries(waits) }),
    ...(container.health && { healthcheck: health(container.health) }),
  };
}

/** The text of compose.yaml, which belongs beside the Dockerfile. */
export function composeFile(containers: readonly Container[]): string {
  const volumes = containers.flatMap((container) => Object.values(container.volumes ?? {}));
  const document = {
    name: 'troupe',
    services: Object.fromEntries(containers.map((container) => [container.name, service(container)])),
    volumes: Object.fromEntries(volumes.map((name) => [name, {}])),
  };
  // YAML 1.1 quotes `no`, which some readers of Compose files would take for false.
  return stringify(document, { version: '1.1', lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false });
}
