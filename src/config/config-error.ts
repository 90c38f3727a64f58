/** All problems of a configuration at once: the key, where it was set, and what is wrong with it. */

export interface ConfigProblem {
  /** Path of the key; empty if the source as a whole is wrong. */
  readonly path: string;
  /** `flag --gateway.port`, `environment TROUPE_GATEWAY_PORT`, `file`, `default`. */
  readonly source: string;
  readonly message: string;
}

function line(problem: ConfigProblem): string {
  const where = problem.path === '' ? problem.source : `${problem.path} (${problem.source})`;
  return `${where}: ${problem.message}`;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(['the configuration is not valid:', ...problems.map((problem) => `  ${line(problem)}`)].join('\n'));
    this.problems = problems;
  }
}
