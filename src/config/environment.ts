/** The only place that reads the environment of the process. Everything else receives values. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns a copy, so that later changes of the environment have no effect. */
export function readEnvironment(): Environment {
  return { ...process.env };
}
