/**
 * Files with credentials that are read at each use, for clients that need them when they connect. What cannot be read, or is
 * half written, is not used: the former value is.
 */
import { readFileSync } from 'node:fs';

/** Reads the files at once, and throws if one cannot be read or if they do not make a value. What it returns never throws. */
export function freshFiles<Name extends string, Value>(
  paths: Readonly<Record<Name, string>>,
  parse: (files: Readonly<Record<Name, Buffer>>) => Value,
): () => Value {
  const read = (): Value => {
    const contents = Object.entries<string>(paths).map(([name, path]) => [name, readFileSync(path)]);
    // Unchecked cast: every name of `paths` has an entry.
    return parse(Object.fromEntries(contents) as Record<Name, Buffer>);
  };
  let value = read();
  return () => {
    try {
      value = read();
    } catch {
      // Somebody replaces the files. The next connection looks again.
    }
    return value;
  };
}
