/**
 * Decides which environment variables handlers receive: those on an allow-list of names (`API_URL`) and prefixes
 * (`APP_*`).
 * Refused are variables that configure Troupe itself, and variables that change which code threads and child processes
 * load.
 */

/** The number of entries in the allow-list. */
export const handlerVariablesMax = 64;
/** The total size of the selected names and values in UTF-16 units. It is limited because each thread has a copy. */
export const handlerVariablesMaxChars = 262_144;

const entryPattern = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const prefixPattern = /^[A-Za-z][A-Za-z0-9_]{0,126}_\*$/;

/** Refused names and prefixes (with a trailing `*`), with the reason. */
const refused: readonly (readonly [string, string])[] = [
  ['TROUPE_*', 'it configures Troupe itself and may hold secrets'],
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_V8_COVERAGE', 'NODE_COMPILE_CACHE', 'NODE_PENDING_DEPRECATION'].map(
    (name) => [name, 'it changes Node in the threads'] as const,
  ),
  ...['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_UNIQUE_ID'].map(
    (name) => [name, 'Node uses it to talk to its child processes'] as const,
  ),
  ['NODE_EXTRA_CA_CERTS', 'Node reads it once per process, so it has no effect in a thread'],
  ['NODE_TLS_REJECT_UNAUTHORIZED', 'it turns off the check of certificates'],
  ['LD_*', 'it changes what programs load'],
  ['DYLD_*', 'it changes what programs load'],
];

/** Returns what is wrong with an entry, as text to follow its name, or `undefined` if it is valid. */
export function problemOfHandlerVariable(entry: string): string | undefined {
  if (!entryPattern.test(entry) && !prefixPattern.test(entry))
    return 'must be a name (A-Z a-z 0-9 _, at most 128) or a prefix that ends with _*, such as APP_*';
  const found = refused.find(([pattern]) => overlap(entry.toUpperCase(), pattern));
  if (found === undefined) return undefined;
  const [pattern, why] = found;
  return `is not given to handlers${pattern === entry ? '' : ` (${pattern})`}: ${why}`;
}

/** True if both patterns match at least one common name. */
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
  /** Entries that match no variable that is set. */
  readonly missing: readonly string[];
}

/**
 * Selects the variables. The entries must be valid. A variable with an empty value counts as set. Throws RangeError
 * above `handlerVariablesMaxChars`.
 */
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
    throw new RangeError(
      `names and values have ${chars} characters; at most ${handlerVariablesMaxChars} are allowed: list fewer variables`,
    );
  return { values, missing };
}
