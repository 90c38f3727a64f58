/** The one place that touches the environment of the process. Everything else gets values. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** A copy: what was read at the start is what counts. */
export function readEnvironment(): Environment {
  return { ...process.env };
}
