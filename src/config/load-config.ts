/**
 * Loads the configuration. The order of precedence is: flags, environment, file, presets, standard variables, defaults.
 * The result is checked as a whole: either a frozen configuration in which every rule holds, or a ConfigError that
 * lists every problem. Pure: it reads neither files nor the environment.
 */
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from './config-error.ts';
import { ownValue } from '../domain/own-value.ts';
import type { Environment } from './environment.ts';
import { configKeys } from './keys.ts';
import {
  addEnvironment,
  addFile,
  addFlags,
  addTree,
  emptyLayers,
  isTree,
  type LayeredValues,
  plainTree,
  type Tree,
} from './layers.ts';
import { relations } from './relations.ts';
import { addStandardVariables } from './standard-variables.ts';
import { type Config, type ConfigInput, configSchema } from './schema.ts';

/** Where the values come from. All sources are optional. */
export interface ConfigSources {
  readonly env?: Environment;
  /** By the paths of the keys: `{ 'gateway.port': 0 }`. A value of `undefined` counts as absent. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** The text of a YAML or JSON file. */
  readonly fileText?: string;
  /** The name of the file in error messages. Default `file`. */
  readonly fileName?: string;
  /** The defaults of a command. They override the defaults of the schema and nothing else. */
  readonly presets?: ConfigInput;
}

function freezeDeep<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) freezeDeep(child);
  }
  return value;
}

/** The source of a key: where the key itself, one of its parts or its section was set. */
function sourceOf(layers: LayeredValues, path: string): string {
  const names = path.split('.');
  for (let length = names.length; length > 0; length -= 1) {
    const source = layers.sources.get(names.slice(0, length).join('.'));
    if (source !== undefined) return source;
  }
  return 'default';
}

/** For people who write a file, not a program: what the value must be, in words of the file. Undefined: what zod says. */
function typeText(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.input === undefined) return 'is required';
  const words: Readonly<Record<string, string>> = {
    array: 'a list',
    object: 'a map',
    record: 'a map',
    string: 'a text',
  };
  const wanted = ownValue(words, issue.expected);
  return wanted === undefined ? undefined : `must be ${wanted}`;
}

function problemsOf(layers: LayeredValues, issue: z.core.$ZodIssue): ConfigProblem[] {
  const path = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') {
    return [{ path, source: sourceOf(layers, path), message: issue.message }];
  }
  return issue.keys.map((name) => {
    const unknown = path === '' ? name : `${path}.${name}`;
    return { path: unknown, source: sourceOf(layers, unknown), message: 'unknown key' };
  });
}

function removeAt(tree: Tree, path: string): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let node: unknown = tree;
  for (const name of names) node = isTree(node) ? node.get(name) : undefined;
  if (isTree(node)) node.delete(last);
}

/** Returns the key that a path belongs to. `roles.1` is a part of the key `roles`. */
function wholeKey(path: string): string {
  return configKeys.find((key) => path === key.path || path.startsWith(`${key.path}.`))?.path ?? path;
}

/**
 * Checks the rules between keys. Broken keys do not prevent it, because they have their defaults by then, but rules
 * that concern a broken key are skipped.
 */
function brokenRelations(config: Config, layers: LayeredValues, broken: readonly ConfigProblem[]): ConfigProblem[] {
  return relations.flatMap((relation) => {
    const [first = ''] = relation.keys;
    const isDoubtful = relation.keys.some((key) =>
      broken.some(
        ({ path }) => path === key || path.startsWith(`${key}.`) || (path !== '' && key.startsWith(`${path}.`)),
      ),
    );
    const complaint = isDoubtful ? undefined : relation.check(config);
    if (complaint === undefined) return [];
    const setKey = relation.keys.find((key) => layers.sources.has(key)) ?? first;
    return [{ path: first, source: sourceOf(layers, setKey), message: complaint }];
  });
}

/** Loads the configuration. Throws ConfigError with all problems. */
export function loadConfig(sources: ConfigSources = {}): Config {
  const layers = emptyLayers();
  if (sources.presets !== undefined) addTree(layers, sources.presets, 'preset');
  if (sources.fileText !== undefined) addFile(layers, sources.fileText, sources.fileName ?? 'file');
  addEnvironment(layers, sources.env ?? {});
  addFlags(layers, sources.flags ?? {});
  addStandardVariables(layers, sources.env ?? {});

  const tree = structuredClone(layers.tree);
  const problems = [...layers.problems];
  const first = configSchema.safeParse(plainTree(tree), { error: typeText });
  if (!first.success) {
    const broken = first.error.issues.flatMap((issue) => problemsOf(layers, issue));
    problems.push(...broken);
    for (const { path } of broken) removeAt(tree, wholeKey(path));
  }
  const second = first.success ? first : configSchema.safeParse(plainTree(tree));
  if (second.success) problems.push(...brokenRelations(second.data, layers, problems));
  if (problems.length > 0 || !second.success) throw new ConfigError(problems);
  return freezeDeep(second.data);
}
