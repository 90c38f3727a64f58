/**
 * Flags over environment over file over presets over defaults, checked as a whole: either a frozen configuration in
 * which everything holds, or a ConfigError with every problem. Pure: reads no file and no environment itself.
 */
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from './config-error.ts';
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
import { type Config, type ConfigInput, configSchema } from './schema.ts';

export interface ConfigSources {
  readonly env?: Environment;
  /** By the path of the key: `{ 'gateway.port': 0 }`. Undefined values count as absent. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** YAML or JSON. */
  readonly fileText?: string;
  /** Names the file in problems. */
  readonly fileName?: string;
  /** Defaults of a command, below everything a user says. */
  readonly presets?: ConfigInput;
}

function freezeDeep<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) freezeDeep(child);
  }
  return value;
}

/** Who set the key: itself, a part of it, or the section it is in. */
function sourceOf(layers: LayeredValues, path: string): string {
  const names = path.split('.');
  for (let length = names.length; length > 0; length -= 1) {
    const source = layers.sources.get(names.slice(0, length).join('.'));
    if (source !== undefined) return source;
  }
  return 'default';
}

function problemsOf(layers: LayeredValues, issue: z.core.$ZodIssue): ConfigProblem[] {
  const path = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') {
    return [{ path, source: sourceOf(layers, path), message: issue.message }];
  }
  return issue.keys.map((name) => {
    const unknown = path === '' ? name : `${path}.${name}`;
    return { path: unknown, source: sourceOf(layers, unknown), message: 'there is no such key' };
  });
}

function removeAt(tree: Tree, path: string): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let node: unknown = tree;
  for (const name of names) node = isTree(node) ? node.get(name) : undefined;
  if (isTree(node)) node.delete(last);
}

/** `roles.1` is a part of the key `roles`. */
function wholeKey(path: string): string {
  return configKeys.find((key) => path === key.path || path.startsWith(`${key.path}.`))?.path ?? path;
}

/** Relations are looked at even beside broken keys (which then have their defaults), unless they speak of them. */
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

export function loadConfig(sources: ConfigSources = {}): Config {
  const layers = emptyLayers();
  if (sources.presets !== undefined) addTree(layers, sources.presets, 'preset');
  if (sources.fileText !== undefined) addFile(layers, sources.fileText, sources.fileName ?? 'file');
  addEnvironment(layers, sources.env ?? {});
  addFlags(layers, sources.flags ?? {});

  const tree = structuredClone(layers.tree);
  const problems = [...layers.problems];
  const first = configSchema.safeParse(plainTree(tree));
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
