/**
 * Combines values from several sources. Each layer sets keys by path, and a later layer overrides an earlier one key by
 * key. Every key remembers which layer set it last, so that problems can name their source.
 */
import { parse as parseYaml } from 'yaml';
import type { ConfigProblem } from './config-error.ts';
import type { Environment } from './environment.ts';
import { type ConfigKey, configKeys, type KeyShape, variablePrefix } from './keys.ts';
import { ownValue } from '../domain/own-value.ts';

/** A Map and not an object, because names come from files and flags: `__proto__` and `constructor` are possible. */
export type Tree = Map<string, unknown>;

/** The merged values of the layers so far. */
export interface LayeredValues {
  readonly tree: Tree;
  /** The layer that set a key last, by the path of the key. */
  readonly sources: Map<string, string>;
  readonly problems: ConfigProblem[];
}

const keysByPath: ReadonlyMap<string, ConfigKey> = new Map(configKeys.map((key) => [key.path, key]));
const keysByVariable: ReadonlyMap<string, ConfigKey> = new Map(configKeys.map((key) => [key.variable, key]));

/** Variables with our prefix that are not keys: an alias of a key, and variables that other code reads. */
const aliases: ReadonlyMap<string, string> = new Map([['TROUPE_NATS_SERVER', 'nats.serverPath']]);
const foreignVariables: ReadonlySet<string> = new Set([
  'TROUPE_CASSANDRA',
  'TROUPE_CONFIG',
  'TROUPE_ADDRESS',
  'TROUPE_TOKEN',
  'TROUPE_TLS',
  'TROUPE_CA',
  'TROUPE_CLIENT_CERT',
  'TROUPE_CLIENT_KEY',
  'TROUPE_PROFILE',
  'TROUPE_PROFILE_FILE',
]);
/** Kubernetes adds such variables to every pod for services named `troupe-…`. They do not belong to us. */
const serviceLinkName = /_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP)(_.+)?)$/;
const serviceLinkValue = /^(tcp|udp):\/\//;

/** Returns layers without values. */
export function emptyLayers(): LayeredValues {
  return { tree: new Map(), sources: new Map(), problems: [] };
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isTree(value: unknown): value is Tree {
  return value instanceof Map;
}

/** Converts the tree to plain objects, which the schema expects. */
export function plainTree(tree: Tree): object {
  return Object.fromEntries([...tree].map(([name, value]) => [name, isTree(value) ? plainTree(value) : value]));
}

function setAt(tree: Tree, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  let node = tree;
  for (const name of names) {
    const child = node.get(name);
    const next: Tree = isTree(child) ? child : new Map<string, unknown>();
    node.set(name, next);
    node = next;
  }
  node.set(last, value);
}

/**
 * Converts text to the shape of its key. Text that does not fit stays text, so that the schema reports what it
 * expected. Throws if the text of a document cannot be read.
 */
function fromText(text: string, shape: KeyShape): unknown {
  switch (shape) {
    case 'number':
      return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case 'boolean':
      return (
        new Map<string, unknown>([
          ['true', true],
          ['1', true],
          ['false', false],
          ['0', false],
        ]).get(text.trim().toLowerCase()) ?? text
      );
    case 'list':
      return splitList(text);
    case 'map':
      return Object.fromEntries(
        splitList(text).map((pair) => {
          const [name = '', value = ''] = pair.split('=');
          return [name.trim(), fromText(value, 'number')];
        }),
      );
    case 'document':
      return parseYaml(text, { logLevel: 'error' });
    case 'text':
      return text;
  }
}

/** Sets a key from text. Text of a list or map with structure (YAML or JSON) that cannot be read is a problem of its own. */
function setText(layers: LayeredValues, { path, shape }: ConfigKey, text: string, source: string): void {
  layers.sources.set(path, source);
  try {
    setAt(layers.tree, path, fromText(text, shape));
  } catch (error) {
    layers.problems.push({ path, source, message: unreadable(error) });
  }
}

function unreadable(error: unknown): string {
  // The lines after the first show the text, which may be long.
  const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return `is neither valid YAML nor JSON: ${reason.replace(/:$/, '')}`;
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Adds a tree of values. Unknown keys are kept, so that the schema refuses them by name. */
export function addTree(layers: LayeredValues, tree: unknown, source: string, prefix = ''): void {
  if (!isSection(tree)) {
    layers.problems.push({ path: '', source, message: 'must be a map of keys' });
    return;
  }
  for (const [name, value] of Object.entries(tree)) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const holdsKeys = configKeys.some((key) => key.path.startsWith(`${path}.`));
    if (value === undefined) continue;
    if (holdsKeys && isSection(value)) {
      addTree(layers, value, source, path);
    } else {
      setAt(layers.tree, path, value);
      layers.sources.set(path, source);
    }
  }
}

/**
 * Adds a configuration file in YAML. JSON works too, because it is a subset of YAML. An empty file is an empty
 * configuration.
 */
export function addFile(layers: LayeredValues, text: string, source: string): void {
  try {
    const tree: unknown = parseYaml(text, { logLevel: 'error' });
    if (tree !== null && tree !== undefined) addTree(layers, tree, source);
  } catch (error) {
    layers.problems.push({ path: '', source, message: unreadable(error) });
  }
}

/**
 * Adds environment variables with our prefix. An empty variable counts as not set, and a key's own variable takes
 * precedence over its alias.
 */
export function addEnvironment(layers: LayeredValues, environment: Environment): void {
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(variablePrefix) || text === undefined || text === '') continue;
    if (foreignVariables.has(variable) || serviceLinkName.test(variable) || serviceLinkValue.test(text)) continue;
    const source = `environment ${variable}`;
    const aliasOf = aliases.get(variable);
    const key = aliasOf === undefined ? keysByVariable.get(variable) : keysByPath.get(aliasOf);
    if (key === undefined) {
      layers.problems.push({ path: '', source, message: 'unknown key' });
    } else if (aliasOf === undefined || ownValue(environment, key.variable) === undefined) {
      setText(layers, key, text, source);
    }
  }
}

/**
 * Adds flags by the paths of their keys. Text is converted as in the environment; other values are used as they are.
 * `from` names where they come from, if not from flags.
 */
export function addFlags(layers: LayeredValues, flags: Readonly<Record<string, unknown>>, from?: string): void {
  for (const [path, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const source = from ?? `flag ${path}`;
    const key = keysByPath.get(path);
    if (key === undefined) {
      layers.problems.push({ path: '', source, message: 'unknown key' });
      continue;
    }
    if (typeof value === 'string') {
      setText(layers, key, value, source);
      continue;
    }
    setAt(layers.tree, path, value);
    layers.sources.set(path, source);
  }
}
