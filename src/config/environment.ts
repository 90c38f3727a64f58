/** The only place that reads the environment of the process. Everything else receives values. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** A copy: what was read at the start is what counts. */
export function readEnvironment(): Environment {
  return { ...process.env };
}
