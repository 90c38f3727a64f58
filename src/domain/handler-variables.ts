/**
 * Which environment variables handlers may be given, by an allow-list of names (`API_URL`) and prefixes (`APP_*`), and which of
 * those that are there they get. What is Troupe's own, or changes what code their threads and programs load, is refused.
 */

/** Entries of the list. */
export const handlerVariablesMax = 64;
/** Names and values that the list picks, together, in UTF-16 units: each thread has a copy. */
export const handlerVariablesMaxChars = 262_144;

const entryPattern = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const prefixPattern = /^[A-Za-z][A-Za-z0-9_]{0,126}_\*$/;

/** Names, and prefixes with a `*` at the end, with what is wrong with them. */
const refused: readonly (readonly [string, string])[] = [
  ['TROUPE_*', 'it belongs to Troupe itself, secrets among it'],
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_V8_COVERAGE', 'NODE_COMPILE_CACHE', 'NODE_PENDING_DEPRECATION'].map(
    (name) => [name, 'it changes Node in the threads'] as const,
  ),
  ...['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_UNIQUE_ID'].map(
    (name) => [name, 'Node talks to its own child processes with it'] as const,
  ),
  ['NODE_EXTRA_CA_CERTS', 'Node reads it once for a whole process, so that it would do nothing in a thread'],
  ['NODE_TLS_REJECT_UNAUTHORIZED', 'it turns off that certificates are checked'],
  ['LD_*', 'it changes what programs load'],
  ['DYLD_*', 'it changes what programs load'],
];

/** What is wrong with an entry, in words that follow its name; undefined: nothing. */
export function problemOfHandlerVariable(entry: string): string | undefined {
  if (!entryPattern.test(entry) && !prefixPattern.test(entry))
    return 'must be a name (A-Z a-z 0-9 _, at most 128) or a prefix that ends with _*, as APP_*';
  const found = refused.find(([pattern]) => overlap(entry.toUpperCase(), pattern));
  if (found === undefined) return undefined;
  const [pattern, why] = found;
  return `is not given to handlers${pattern === entry ? '' : ` (${pattern})`}: ${why}`;
}

/** Some name is named by both. */
function overlap(one: string, other: string): boolean {
  const [prefix, otherPrefix] = [prefixOf(one), prefixOf(other)];
  if (prefix === undefined) return otherPrefix === undefined ? one === other : one.startsWith(otherPrefix);
  if (otherPrefix === undefined) return other.startsWith(prefix);
  return prefix.startsWith(otherPrefix) || otherPrefix.startsWith(prefix);
}

function prefixOf(entry: string): string | undefined {
  return entry.endsWith('*') ? entry.slice(0, -1) : undefined;
}

export interface HandlerVariables {
  readonly values: ReadonlyMap<string, string>;
  /** Entries that name nothing that is set. */
  readonly missing: readonly string[];
}

/** `entries` are right. An empty value is one. Throws RangeError past `handlerVariablesMaxChars`. */
export function pickHandlerVariables(
  entries: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): HandlerVariables {
  const values = new Map<string, string>();
  const missing: string[] = [];
  const there = Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined);
  let chars = 0;
  for (const entry of entries) {
    const picked = there.filter(([name]) => overlap(name, entry));
    if (picked.length === 0) missing.push(entry);
    for (const [name, value] of picked) {
      if (!values.has(name)) chars += name.length + value.length;
      values.set(name, value);
    }
  }
  if (chars > handlerVariablesMaxChars)
    throw new RangeError(`names and values of ${chars} characters; ${handlerVariablesMaxChars} are allowed`);
  return { values, missing };
}
