/** A container in a form that fits both Docker Compose and terraform's Docker provider. */

export interface HealthCheck {
  /** Runs inside the container. Exit code 0 means healthy. */
  readonly command: readonly string[];
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly retries: number;
  /** Failures during this time after the start do not count. */
  readonly startSeconds: number;
}

export interface PublishedPort {
  readonly container: number;
  /** Port on the loopback interface; 0 means any free one. */
  readonly host: number;
  /** Variable with which users of Compose choose another port. */
  readonly variable: string;
}

export interface Container {
  /** Also its host name in the network. */
  readonly name: string;
  readonly image: string;
  /**
   * For our own images: the stage of the Dockerfile, and the variable with which users of Compose choose another image.
   */
  readonly built?: { readonly target: string; readonly variable: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly PublishedPort[];
  /** Named volumes by mount path. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** Folders of the host by mount path, mounted read-only. */
  readonly folders?: Readonly<Record<string, string>>;
  /** The containers that must be `healthy`, or `completed` with exit code 0, before this one starts. */
  readonly after: Readonly<Record<string, 'healthy' | 'completed'>>;
  /** If absent, the container runs once to its end. */
  readonly health?: HealthCheck;
  /** Seconds from SIGTERM to SIGKILL. */
  readonly stopSeconds: number;
  /** For our own containers: only /tmp is writable, up to `temporarySize`, and there are no capabilities and no way to gain any. */
  readonly confined: boolean;
}

/** Of /tmp, which is memory. */
export const temporarySize = '256m';
