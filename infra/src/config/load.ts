/** Loads the environments: the default export of every module in a folder, checked by the schema. */
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Environment, EnvironmentError, parseEnvironment } from './environment.ts';

/**
 * Returns the environments in the order of their file names. Throws EnvironmentError with the problems of all files.
 */
export async function loadEnvironments(folder: string): Promise<readonly Environment[]> {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .sort();
  const problems: string[] = [];
  const environments: Environment[] = [];
  for (const file of files) {
    const { default: input } = (await import(pathToFileURL(resolve(folder, file)).href)) as {
      readonly default: unknown;
    };
    try {
      environments.push(parseEnvironment(`environments/${file}`, input));
    } catch (error) {
      if (!(error instanceof EnvironmentError)) throw error;
      problems.push(...error.problems.map((problem) => `${file}: ${problem}`));
    }
  }
  const names = environments.map(({ name }) => name);
  problems.push(
    ...names.filter((name, at) => names.indexOf(name) !== at).map((name) => `two environments are called ${name}`),
  );
  if (problems.length > 0) throw new EnvironmentError('the environments cannot be used', problems);
  return environments;
}
