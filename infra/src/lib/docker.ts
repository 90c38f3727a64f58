/** The resources of `kreuzwerker/docker` that the stack `local-docker` needs, with the provider's names. */
import { type Construct, TerraformProvider, TerraformResource } from '../cdk.ts';
import { type Container, type HealthCheck, temporarySize } from '../objects/container.ts';
import { literal } from './literal.ts';

/** Connects to DOCKER_HOST, or to the socket of this machine. */
export class DockerProvider extends TerraformProvider {
  constructor(scope: Construct, id: string) {
    super(scope, id, {
      terraformResourceType: 'docker',
      terraformGeneratorMetadata: { providerName: 'docker', providerVersionConstraint: '~> 3.6' },
      terraformProviderSource: 'kreuzwerker/docker',
    });
  }
}

const providerName = { providerName: 'docker' } as const;

export class DockerNetwork extends TerraformResource {
  readonly #name: string;

  constructor(scope: Construct, id: string, name: string) {
    super(scope, id, { terraformResourceType: 'docker_network', terraformGeneratorMetadata: providerName });
    this.#name = name;
  }

  protected override synthesizeAttributes() {
    return { name: this.#name, driver: 'bridge' };
  }

  get networkName(): string {
    return this.interpolationForAttribute('name').toString();
  }
}

/** A volume that is destroyed with the stack, and all jobs with it. Used only with `keepVolumes: false`. */
export class DockerVolume extends TerraformResource {
  readonly #name: string;

  constructor(scope: Construct, id: string, name: string) {
    super(scope, id, { terraformResourceType: 'docker_volume', terraformGeneratorMetadata: providerName });
    this.#name = name;
  }

  protected override synthesizeAttributes() {
    return { name: this.#name };
  }

  get volumeName(): string {
    return this.interpolationForAttribute('name').toString();
  }
}

/**
 * An image. It is pulled if it is missing, so an image that was built locally is not pulled. Images stay when the stack
 * is destroyed.
 */
export class DockerImage extends TerraformResource {
  readonly #name: string;

  constructor(scope: Construct, id: string, name: string) {
    super(scope, id, { terraformResourceType: 'docker_image', terraformGeneratorMetadata: providerName });
    this.#name = name;
  }

  protected override synthesizeAttributes() {
    return { name: literal(this.#name), keep_locally: true };
  }

  /** The id of the content, which changes when the name refers to another image. */
  get imageId(): string {
    return this.interpolationForAttribute('image_id').toString();
  }
}

export interface DockerContainerOptions {
  readonly container: Container;
  /** Name of the container in the daemon, which may run other containers, too. */
  readonly name: string;
  readonly image: DockerImage;
  readonly network: string;
  /** Names of the volumes in the daemon, by the container's names for them. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly dependsOn: readonly TerraformResource[];
}

/**
 * Formats a duration as Go does. The provider reads it back in this form, so `90s` would show as a change in every
 * plan.
 */
function goDuration(seconds: number): string {
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function healthcheck({ command, intervalSeconds, timeoutSeconds, retries, startSeconds }: HealthCheck) {
  return {
    test: ['CMD', ...command.map(literal)],
    interval: goDuration(intervalSeconds),
    timeout: goDuration(timeoutSeconds),
    start_period: goDuration(startSeconds),
    retries,
  };
}

const confinement = {
  init: true,
  read_only: true,
  tmpfs: { '/tmp': `size=${temporarySize}` },
  capabilities: { drop: ['ALL'] },
  security_opts: ['no-new-privileges:true'],
} as const;

/**
 * When a container counts as up. A service is up once it is healthy. A one-shot container is done once it has ended
 * with code 0.
 */
function lifeOf({ health, stopSeconds }: Container) {
  if (health === undefined) return { restart: 'no', must_run: false, attach: true, logs: true };
  const { startSeconds, intervalSeconds, timeoutSeconds, retries } = health;
  return {
    restart: 'unless-stopped',
    must_run: true,
    healthcheck: healthcheck(health),
    wait: true,
    wait_timeout: startSeconds + retries * (intervalSeconds + timeoutSeconds),
    stop_timeout: stopSeconds,
    // Without this setting the provider kills the container at once.
    destroy_grace_seconds: stopSeconds,
  };
}

const endedWell = {
  condition: '${self.exit_code == 0}',
  errorMessage: 'It ended with exit code ${self.exit_code}: ${self.container_logs}',
} as const;

/** A container. `cdktf deploy` continues with its dependents once it is healthy, or has ended with exit code 0. */
export class DockerContainer extends TerraformResource {
  readonly #options: DockerContainerOptions;

  constructor(scope: Construct, id: string, options: DockerContainerOptions) {
    super(scope, id, {
      terraformResourceType: 'docker_container',
      terraformGeneratorMetadata: providerName,
      dependsOn: [...options.dependsOn],
      ...(options.container.health === undefined && { lifecycle: { postcondition: [endedWell] } }),
    });
    this.#options = options;
  }

  protected override synthesizeAttributes() {
    const { container, name, image, network } = this.#options;
    const { command, environment = {}, ports = [], folders = {} } = container;
    const mounts = [
      ...Object.entries(container.volumes ?? {}).map(([path, volume]) => ({
        volume_name: this.#options.volumes.get(volume) ?? volume,
        container_path: path,
      })),
      ...Object.entries(folders).map(([path, folder]) => ({
        host_path: literal(folder),
        container_path: path,
        read_only: true,
      })),
    ];
    return {
      name,
      image: image.imageId,
      ...(command && { command: command.map(literal) }),
      env: Object.entries(environment).map(([key, value]) => literal(`${key}=${value}`)),
      networks_advanced: [{ name: network, aliases: [container.name] }],
      ...(mounts.length > 0 && { volumes: mounts }),
      ...(ports.length > 0 && {
        ports: ports.map(({ container: internal, host }) => ({
          internal,
          ...(host !== 0 && { external: host }),
          ip: '127.0.0.1',
        })),
      }),
      ...lifeOf(container),
      ...(container.confined && confinement),
    };
  }

  /** The host port that is mapped to the container's port with this index. */
  publishedPort(index: number): string {
    return this.interpolationForAttribute(`ports[${index}].external`).toString();
  }
}
