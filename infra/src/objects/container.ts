/** A container as both Compose and the Docker provider of terraform can run it; nothing of either. */

export interface HealthCheck {
  /** Exit code 0: healthy. Runs inside the container. */
  readonly command: readonly string[];
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly retries: number;
  /** Failures before it is up are not counted. */
  readonly startSeconds: number;
}

export interface PublishedPort {
  readonly container: number;
  /** On loopback; 0: any free one. */
  readonly host: number;
  /** The variable by which whoever runs Compose picks another one. */
  readonly variable: string;
}

export interface Container {
  /** Also its host name in the network. */
  readonly name: string;
  readonly image: string;
  /** Our own images: the stage of the Dockerfile, and the variable by which whoever runs Compose picks another image. */
  readonly built?: { readonly target: string; readonly variable: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly PublishedPort[];
  /** Named volumes, by where they are mounted. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** Folders of the host, by where they are mounted, not to be written to. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Started when those are there: `healthy`, or `completed` with exit code 0. */
  readonly after: Readonly<Record<string, 'healthy' | 'completed'>>;
  /** Absent: it runs once, to its end. */
  readonly health?: HealthCheck;
  /** From SIGTERM to SIGKILL. */
  readonly stopSeconds: number;
  /** Our own: nothing but /tmp can be written to, no capability, no way to gain one. */
  readonly confined: boolean;
}
